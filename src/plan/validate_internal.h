// What the parts of the validator share; not for others.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "plan/validate.h"

namespace netc::validation {

/// Collects complaints up to a limit.
struct Complaints {
  static constexpr size_t kMost = 20;
  std::vector<std::string> list;

  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    if (list.size() < kMost) list.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
};

/// One schedule of the plan under inspection.
struct Subject {
  const Plan& plan;
  const Graph& graph;
  const Schedule& schedule;
  const char* name;  ///< "train" or "evaluate"
  Complaints& complaints;

  int calls() const { return static_cast<int>(schedule.calls.size()); }
  /// One more than the calls: what is live at the last position outlives the schedule (the output of a network without a loss).
  int positions() const { return calls() + 1; }
  bool persistent(size_t buffer) const { return buffer < static_cast<size_t>(plan.persistent); }
  const Buffer& buffer_of(int value) const { return schedule.buffers[schedule.values[static_cast<size_t>(value)].buffer.at()]; }
  const std::string& value_name(int value) const { return schedule.values[static_cast<size_t>(value)].name; }
  std::string call_name(int position) const {
    return fmt::format("{}: call {} ({})", name, position, schedule.calls[static_cast<size_t>(position)].kernel);
  }
};

/// Whether buffers of this class hold their contents when a step begins, and so must be persistent.
inline bool loaded_before_step(MemoryClass c) {
  return c == MemoryClass::parameters || c == MemoryClass::optimizer || c == MemoryClass::state || c == MemoryClass::input;
}

/// Slices that exist, operands that begin where one does (validate_slices.cpp); false when other checks make no sense.
bool check_slices(const Subject& subject);
/// Overlap in time and space, granted workspaces, ends and the lower bound (validate_space.cpp).
void check_space(const Subject& subject);
/// Reads and writes, in-place use, updates (validate_flow.cpp).
void check_flow(const Subject& subject);

}  // namespace netc::validation
