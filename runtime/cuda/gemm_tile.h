// A tiled product C[m, n] = sum over k of A(m, k) * B(n, k), where the operands say how their elements are found in memory: matrices, or
// windows of images (implicit GEMM). It needs no workspace and its order of sums is fixed by the shape, so it serves where no library
// engine fits. 64 x 64 results a block, 4 x 4 a thread, float32 throughout.
#pragma once

#include "launch.h"

namespace netrt {

constexpr int kTile = 64, kTileDepth = 16;

/// Operands give four neighbours at once, zeros where i >= extent or k >= k_end: along k where `along_k`, else along i.
/// A rows x depth matrix: element (i, k) at data[i * stride + k], or where !along_k at data[k * stride + i].
template <bool along>
struct MatrixOperand {
  static constexpr bool along_k = along;
  const float* data;
  int64_t stride;
  int32_t extent;
  bool vectors;  ///< stride % 4 == 0, data aligned to 16 bytes
  __device__ Pack<4> four(int32_t i, int32_t k, int32_t k_end) const {
    Pack<4> p{};
    if (i >= extent || k >= k_end) return p;
    const float* from = along ? data + i * stride + k : data + k * stride + i;
    const int32_t left = along ? k_end - k : extent - i;
    if (vectors && left >= 4) return load<4>(from);
    for (int j = 0; j < 4; ++j) {
      if (j < left) p.v[j] = from[j];
    }
    return p;
  }
};

/// One operand's kTile x kTileDepth elements on their way from global to shared memory, four a thread.
template <class Operand>
__device__ inline Pack<4> fetch_tile(const Operand& operand, int32_t first, int32_t k, int32_t k_end) {
  const int32_t t = static_cast<int32_t>(threadIdx.x);
  if (Operand::along_k) return operand.four(first + t / 4, k + t % 4 * 4, k_end);
  return operand.four(first + t % 16 * 4, k + t / 16, k_end);
}
template <class Operand>
__device__ inline void place_tile(float (*tile)[kTile + 4], const Pack<4>& p) {
  const int32_t t = static_cast<int32_t>(threadIdx.x);
  if (Operand::along_k) {
    for (int j = 0; j < 4; ++j) tile[t % 4 * 4 + j][t / 4] = p.v[j];
  } else {
    store<4>(&tile[t / 16][t % 16 * 4], p);
  }
}

/// `Problem`: types A and B; m, n, k; splits; `a(group)`, `b(group)`; `write(group, split, m, n, value)`.
/// Grid: x over m (which may be millions of pixels), y over n, z over groups * splits, where split s sums its own range of k.
template <class Problem>
__global__ void __launch_bounds__(kThreads) gemm_tile_kernel(Problem problem) {
  __shared__ __align__(16) float tile_a[kTileDepth][kTile + 4], tile_b[kTileDepth][kTile + 4];
  const int32_t group = static_cast<int32_t>(blockIdx.z) / problem.splits, split = static_cast<int32_t>(blockIdx.z) % problem.splits;
  const int32_t each = (problem.k + problem.splits - 1) / problem.splits;
  const int32_t k_begin = min(each * split, problem.k), k_end = min(k_begin + each, problem.k);
  const int32_t first_m = static_cast<int32_t>(blockIdx.x) * kTile, first_n = static_cast<int32_t>(blockIdx.y) * kTile;
  const int32_t row = static_cast<int32_t>(threadIdx.x) / 16 * 4, column = static_cast<int32_t>(threadIdx.x) % 16 * 4;
  const typename Problem::A a = problem.a(group);
  const typename Problem::B b = problem.b(group);
  float sum[4][4] = {};
  Pack<4> next_a = fetch_tile(a, first_m, k_begin, k_end), next_b = fetch_tile(b, first_n, k_begin, k_end);
  for (int32_t k = k_begin; k < k_end; k += kTileDepth) {
    place_tile<typename Problem::A>(tile_a, next_a);
    place_tile<typename Problem::B>(tile_b, next_b);
    __syncthreads();
    if (k + kTileDepth < k_end) {
      next_a = fetch_tile(a, first_m, k + kTileDepth, k_end);
      next_b = fetch_tile(b, first_n, k + kTileDepth, k_end);
    }
    for (int depth = 0; depth < kTileDepth; ++depth) {
      const Pack<4> left = load<4>(&tile_a[depth][row]), right = load<4>(&tile_b[depth][column]);
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) sum[i][j] += left.v[i] * right.v[j];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      if (first_m + row + i < problem.m && first_n + column + j < problem.n) {
        problem.write(group, split, first_m + row + i, first_n + column + j, sum[i][j]);
      }
    }
  }
}

/// Runs `problem` for `groups` groups.
template <class Problem>
void launch_gemm(Context& ctx, const Problem& problem, int32_t groups) {
  if (problem.m == 0 || problem.n == 0) return;
  const dim3 grid(static_cast<unsigned>(divide_up(problem.m, kTile)), static_cast<unsigned>(divide_up(problem.n, kTile)),
                  static_cast<unsigned>(groups * problem.splits));
  gemm_tile_kernel<<<grid, kThreads, 0, ctx.stream>>>(problem);
}

/// Into how many ranges of k a product is cut when `scratch_bytes` may hold the partial results: enough blocks for a large device (about
/// 512), at least 256 terms a range. 1 means that no scratch is used. A function of shape and scratch alone.
inline int32_t choose_splits(int64_t m, int64_t n, int64_t k, int64_t groups, size_t scratch_bytes) {
  const int64_t tiles = divide_up(m, kTile) * divide_up(n, kTile) * groups;
  const int64_t fit = static_cast<int64_t>(scratch_bytes / (static_cast<size_t>(m * n * groups) * sizeof(float)));
  return static_cast<int32_t>(std::max<int64_t>(1, std::min({divide_up(512, tiles), k / 256, fit, 65535 / groups})));
}

}  // namespace netrt
