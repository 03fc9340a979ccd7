// A schedule bound to memory on the CPU, ready to run call by call.
#pragma once

#include <functional>
#include <vector>

#include "backend/interpret_kernels.h"
#include "plan/plan.h"

namespace netc {

/// Sees every call before and after it runs: the guard, the trace, tests.
struct Observer {
  std::function<void(size_t position)> before, after;
};

class Executor {
 public:
  Executor(const Schedule& schedule, int64_t batch) : schedule_(schedule), batch_(batch) {}

  /// Sets every pointer into `arena`, which must hold the plan's bytes.
  void bind(char* arena);
  /// Runs the calls of one section in order.
  void run(netrt::Context& ctx, Section section, const Observer& observer = {});

  /// Where a value of the schedule lies; null for -1.
  void* pointer(int value) const;

 private:
  struct Bound {
    BoundKernel run;
    std::vector<void*> pointers;
    netrt::Workspace workspace;
  };

  void* operand(const Call& call, int value) const;

  const Schedule& schedule_;
  const int64_t batch_;
  char* arena_ = nullptr;
  std::vector<Bound> calls_;
};

}  // namespace netc
