// netc's command line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace netc {

enum class Action : uint8_t {
  estimate, emit_cuda, emit_cpu, emit_pytorch, train, print_after, gpus, explain, op_help, pack, largest_batch, largest_input, why, fit
};
enum class Colour : uint8_t { automatic, always, never };

struct Options {
  Action action = Action::estimate;
  std::string file;     ///< the .net; with --pack the CSV
  std::string subject;  ///< --explain CODE, --print-after PASS, --op NAME
  std::map<std::string, double> sets;
  std::optional<int64_t> batch;
  std::optional<int64_t> memory;  ///< bytes
  bool fits = false;              ///< --fit was given
  std::optional<int64_t> fit;     ///< its bytes; none: those of --gpu
  std::string gpu;
  std::string target;             ///< "cpu", "cuda"; empty: the action's own
  int64_t workspace = 0;          ///< bytes
  std::optional<int64_t> capacity;  ///< --pack: bytes
  std::string packing;            ///< --packing: the file to write
  bool inference = false, json = false, rules = false, time = false, time_passes = false, guard = false, force = false;
  std::string output;             ///< -o
  std::string like;               ///< --like: "pytorch" or empty
  std::string trace;
  Colour colour = Colour::automatic;
  std::vector<std::string> trainer;  ///< options handed to the trainer as they are: --epochs 3
  std::string command;               ///< the command line as typed, for emitted headers
};

/// The options, or an exit status after the help, the version or an error was printed.
std::optional<Options> parse_options(int argc, char** argv, int& status);

/// "8GiB", "24 GB", "500MB", "1073741824" to bytes: KiB, MiB, GiB, TiB are powers of 2; KB, MB, GB, TB powers of 10; a bare K, M, G, T
/// means the power of 2. Nothing for anything else.
std::optional<int64_t> parse_size(const std::string& text);

}  // namespace netc
