// What changes from step to step and kernels need to know.
#pragma once

#include <cstdint>

namespace netrt {

struct RunState {
  uint64_t seed = 1;
  int64_t step = 1;        ///< optimiser steps, counted from 1
  int64_t micro_step = 1;  ///< micro-steps since the start, counted from 1
  int32_t valid = 0;       ///< samples of this batch that count; the rest are padding
  float learning_rate = 0;
};

}  // namespace netrt
