// The options of a trainer: the emitted program's and `netc --train`'s.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "program.h"

namespace netrt {

struct Options {
  std::optional<int64_t> epochs, steps;
  std::optional<uint64_t> seed;
  std::optional<double> learning_rate;
  std::string data;          ///< replaces the .net's path; empty: as it is
  std::string log;           ///< CSV file
  std::string save, load;    ///< checkpoints
  int64_t sample = 0;        ///< tokens to draw once training is done
  double temperature = 1;    ///< scores are divided by it; 0: the best one always
  std::string prompt;        ///< what the sample goes on from
  std::string memory_file;   ///< where --check-memory also writes; empty: nowhere
  bool quiet = false, log_steps = false, check_memory = false, dry_run = false, help = false;
};

/// An option that is unknown, lacks its value or has a wrong one.
class OptionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Takes `--name value` and `--name=value`. Throws OptionError.
Options parse_options(int argc, const char* const* argv);

/// What --help prints.
std::string help_text(const ProgramSpec&, const std::string& program);

}  // namespace netrt
