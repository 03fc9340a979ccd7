// What differs between the machines a plan can be for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "ir/op.h"

namespace netc {

struct Target {
  std::string name;     ///< "cpu" or "cuda"
  int input_slots = 1;  ///< copies of the batch: 2 where the next one is copied while this one is used
  /// Least bytes of scratch the kernel needs with these constants at that batch.
  std::function<int64_t(std::string_view kernel, const Desc& desc, int64_t batch)> workspace;
  /// Whether calls get what the arena has free at their moment on top of the minimum.
  bool grant_slack = false;
  int64_t workspace_floor = 0;  ///< `--workspace`: every call that takes scratch gets at least this many bytes
};

}  // namespace netc
