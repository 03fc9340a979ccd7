// One warp a row: what softmax and its loss share.
#pragma once

#include <cmath>

#include "launch.h"

namespace netrt {

constexpr int kWarps = kThreads / 32;

__device__ inline int32_t warp_lane() { return static_cast<int32_t>(threadIdx.x) % 32; }
__device__ inline int64_t first_row() { return int64_t{blockIdx.x} * kWarps + threadIdx.x / 32; }
__device__ inline int64_t row_step() { return int64_t{gridDim.x} * kWarps; }

/// Blocks for `rows` rows, at most `most`.
inline unsigned row_blocks(int64_t rows, int64_t most = 1 << 20) { return static_cast<unsigned>(std::min(divide_up(rows, kWarps), most)); }

struct SoftmaxRow {
  float highest;
  float sum;  ///< of exp(x - highest)
};

/// The same in every lane of the warp.
__device__ inline SoftmaxRow softmax_row(const float* x, int32_t cols) {
  float highest = -INFINITY, sum = 0;
  for (int32_t j = warp_lane(); j < cols; j += 32) highest = fmaxf(highest, x[j]);
  highest = warp_max(highest);
  for (int32_t j = warp_lane(); j < cols; j += 32) sum += expf(x[j] - highest);
  return {highest, warp_sum(sum)};
}

}  // namespace netrt
