// What the actions of the command line share: exit statuses, complaints, a planned file.
#pragma once

#include <optional>
#include <string>

#include "driver/compile.h"
#include "driver/options.h"
#include "estimate/gpus.h"

namespace netc {

constexpr int kDone = 0, kError = 1, kDoesNotFit = 3;  ///< exit statuses

/// Prints an error; its exit status.
int complain(const std::string& message);

/// Prints what was found on standard error: as text, or as JSON where JSON was asked for.
void print_diagnostics(const Options& options, const Compilation& made);
/// With --time-passes: how long each pass took.
void print_times(const Options& options, const Compilation& made);

/// The card of --gpu, null where none is named. False after a complaint: there is no such card.
bool find_card(const Options& options, const Gpu*& card);

/// The target of --target, or `otherwise`.
Target target_of(const Options& options, const char* otherwise);

/// A graph with a checked plan, or an exit status.
struct Planned {
  Compilation made;
  std::optional<Plan> plan;
  int status = kDone;
};

Planned plan_file(const Options& options, const Target& target, bool needs_loss);

/// A line on standard error that says what is being done, where that is a terminal; it is gone when this is.
class Progress {
 public:
  Progress();
  ~Progress() { say({}); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void say(const std::string& what);

 private:
  bool shown_;
};

}  // namespace netc
