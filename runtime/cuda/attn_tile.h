// The products that attention is made of, by blocks of 128 threads on tiles of 64 queries x 64 keys: float32 throughout, the order of every sum
// fixed by the shape. A thread has 8 x 4 results of a tile; what the tile's numbers multiply comes through shared memory in slices of 4 KiB.
#pragma once

#include "gemm_tile.h"

namespace netrt {

constexpr int kAttnThreads = 128, kAttnSide = 64, kAttnDepth = 16;
constexpr int kAttnRows = 8, kAttnColumns = 4;                              // a thread's
constexpr int kAttnSlices = 2 * kAttnDepth * (kAttnSide + 4);               // floats of shared memory for slices
constexpr int kAttnTile = kAttnSide * kAttnSide;

/// Where a tile of 64 x 64 in shared memory keeps keys 4 * quad .. of a query. The quads of neighbouring queries are shuffled, so that threads
/// that read or write the same keys of queries 4 apart meet different banks.
__device__ inline int32_t attn_at(int32_t query, int32_t quad) { return query * kAttnSide + (quad ^ (query >> 2 & 7)) * 4; }

/// A thread's first row and column of a tile; 16 neighbouring threads share their rows. Cheap to make, so it is made where it is needed:
/// the accumulators leave no registers to keep it in.
struct AttnPlace {
  int32_t row, column;
  __device__ AttnPlace() {
    const int32_t thread = opaque(static_cast<int32_t>(threadIdx.x));
    row = thread / 16 * kAttnRows;
    column = thread % 16 * kAttnColumns;
  }
  /// Where a tile keeps the thread's results of its query `i`: nobody else writes them.
  __device__ int32_t own(int32_t i) const { return attn_at(row + i, column / 4); }
};

/// The sum, or the highest, over the 16 threads of a row: the same bits in each.
__device__ inline float attn_row_sum(float value) {
  for (int offset = 8; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}
__device__ inline float attn_row_max(float value) {
  for (int offset = 8; offset > 0; offset /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

/// sum[i][j] += a(first_a + row + i, :) . b(first_b + column + j, :) over `depth` values: scores, from rows of a and b.
/// Every thread of the block must call; the slices may be used again when it returns.
__device__ inline void attn_products(float (&sum)[kAttnRows][kAttnColumns], const MatrixOperand<true>& a, int32_t first_a, const MatrixOperand<true>& b,
                                     int32_t first_b, int32_t depth, float* slices) {
  constexpr int kStride = kAttnSide + 4, kHalf = kAttnDepth * kStride;
  // Two quads a thread of each operand: of line, and of line + 32.
  const int32_t thread = opaque(static_cast<int32_t>(threadIdx.x)), line = thread / 4, quad = thread % 4 * 4;
  const AttnPlace place;
  Pack<4> next_a[2], next_b[2];
  for (int h = 0; h < 2; ++h) {
    next_a[h] = a.four(first_a + line + 32 * h, quad, depth);
    next_b[h] = b.four(first_b + line + 32 * h, quad, depth);
  }
  for (int32_t k = 0; k < depth; k += kAttnDepth) {
    for (int h = 0; h < 2; ++h) {
      for (int j = 0; j < 4; ++j) {
        slices[(quad + j) * kStride + line + 32 * h] = next_a[h].v[j];
        slices[kHalf + (quad + j) * kStride + line + 32 * h] = next_b[h].v[j];
      }
    }
    __syncthreads();
    for (int h = 0; h < 2 && k + kAttnDepth < depth; ++h) {
      next_a[h] = a.four(first_a + line + 32 * h, k + kAttnDepth + quad, depth);
      next_b[h] = b.four(first_b + line + 32 * h, k + kAttnDepth + quad, depth);
    }
#pragma unroll 2
    for (int step = 0; step < kAttnDepth; ++step) {
      const float* left = slices + step * kStride + place.row;
      const Pack<4> low = load<4>(left), high = load<4>(left + 4), right = load<4>(slices + kHalf + step * kStride + place.column);
      for (int i = 0; i < kAttnRows; ++i) {
        for (int j = 0; j < kAttnColumns; ++j) sum[i][j] += (i < 4 ? low.v[i % 4] : high.v[i % 4]) * right.v[j];
      }
    }
    __syncthreads();
  }
}

/// A slice on its way to shared memory: lines of 64 * Groups columns, 1024 values in all, two quads a thread.
template <int Groups>
struct AttnSlice {
  static constexpr int kLines = 16 / Groups, kWidth = 64 * Groups;
  int32_t thread = opaque(static_cast<int32_t>(threadIdx.x));
  Pack<4> next[2];
  __device__ int32_t at(int h) const { return (thread + kAttnThreads * h) * 4; }
  __device__ void fetch(const MatrixOperand<false>& z, int32_t first_column, int32_t line, int32_t end) {
    for (int h = 0; h < 2; ++h) next[h] = z.four(first_column + at(h) % kWidth, line + at(h) / kWidth, end);
  }
  __device__ void place(float* slices) const {
    for (int h = 0; h < 2; ++h) store<4>(slices + at(h), next[h]);
  }
};

/// out[i][4 * g + j] += weight * z(first_column + 64 * g + column + j, first + inner), summed over inner < count, where the weight is the tile's
/// at query row + i, key inner. Waits until the block has written the tile. Every thread of the block must call; tile and slices may be
/// used again when it returns.
template <int Groups>
__device__ inline void attn_accumulate_keys(float (&out)[kAttnRows][4 * Groups], const float* tile, const MatrixOperand<false>& z, int32_t first_column,
                                            int32_t first, int32_t count, float* slices) {
  using Slice = AttnSlice<Groups>;
  const AttnPlace place;
  Slice slice;
  slice.fetch(z, first_column, first, first + count);
  for (int32_t inner = 0; inner < count; inner += Slice::kLines) {
    slice.place(slices);
    __syncthreads();
    if (inner + Slice::kLines < count) slice.fetch(z, first_column, first + inner + Slice::kLines, first + count);
#pragma unroll 1
    for (int step = 0; step < Slice::kLines; step += 4) {
      Pack<4> left[kAttnRows];
      for (int i = 0; i < kAttnRows; ++i) left[i] = load<4>(tile + attn_at(place.row + i, (inner + step) / 4));
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        for (int g = 0; g < Groups; ++g) {
          const Pack<4> right = load<4>(slices + (step + k) * Slice::kWidth + g * 64 + place.column);
          for (int i = 0; i < kAttnRows; ++i) {
            for (int j = 0; j < 4; ++j) out[i][4 * g + j] += left[i].v[k] * right.v[j];
          }
        }
      }
    }
    __syncthreads();
  }
}

/// The same where the weight is the tile's at query inner, key row + i.
template <int Groups>
__device__ inline void attn_accumulate_queries(float (&out)[kAttnRows][4 * Groups], const float* tile, const MatrixOperand<false>& z,
                                               int32_t first_column, int32_t first, int32_t count, float* slices) {
  using Slice = AttnSlice<Groups>;
  const AttnPlace place;
  Slice slice;
  slice.fetch(z, first_column, first, first + count);
  for (int32_t inner = 0; inner < count; inner += Slice::kLines) {
    slice.place(slices);
    __syncthreads();
    if (inner + Slice::kLines < count) slice.fetch(z, first_column, first + inner + Slice::kLines, first + count);
#pragma unroll 2
    for (int step = 0; step < Slice::kLines; ++step) {
      const int32_t quad = place.row / 4;
      const Pack<4> low = load<4>(tile + attn_at(inner + step, quad)), high = load<4>(tile + attn_at(inner + step, quad + 1));
      for (int g = 0; g < Groups; ++g) {
        const Pack<4> right = load<4>(slices + step * Slice::kWidth + g * 64 + place.column);
        for (int i = 0; i < kAttnRows; ++i) {
          for (int j = 0; j < 4; ++j) out[i][4 * g + j] += (i < 4 ? low.v[i % 4] : high.v[i % 4]) * right.v[j];
        }
      }
    }
    __syncthreads();
  }
}

/// Writes the thread's results into a tile.
__device__ inline void attn_store(float* tile, const float (&s)[kAttnRows][kAttnColumns]) {
  const AttnPlace place;
  for (int i = 0; i < kAttnRows; ++i) store<4>(tile + place.own(i), Pack<4>{s[i][0], s[i][1], s[i][2], s[i][3]});
}

/// to[row][first_column + 64 * g + column ..] = out * factor[row], for rows below `rows` and columns below `columns`.
template <int Groups>
__device__ inline void attn_write(float* to, int64_t stride, int32_t rows, int32_t columns, int32_t first_column, bool vectors,
                                  const float (&out)[kAttnRows][4 * Groups], const float (&factor)[kAttnRows]) {
  const AttnPlace place;
  for (int i = 0; i < kAttnRows; ++i) {
    if (place.row + i >= rows) continue;
    for (int g = 0; g < Groups; ++g) {
      const int32_t column = first_column + 64 * g + place.column;
      float* at = to + (place.row + i) * stride + column;
      Pack<4> p;
      for (int j = 0; j < 4; ++j) p.v[j] = out[i][4 * g + j] * factor[i];
      if (vectors && column + 4 <= columns) {
        store<4>(at, p);
      } else {
        for (int j = 0; j < 4; ++j) {
          if (column + j < columns) at[j] = p.v[j];
        }
      }
    }
  }
}

}  // namespace netrt
