// Deterministic reductions over the columns (channels) of a rows x c matrix, in two stages of fixed order: chunks of rows, then the chunks.
#pragma once

#include "launch.h"
#include "workspace.h"

namespace netrt {

constexpr int kColumns = cuda::reduction_columns, kColumnRows = kThreads / kColumns;

/// Sums `value(row, column)`, which gives Values floats, over rows [first, last). Thread t handles column t % 32 of the block's 32 and every
/// eighth row; the result stands in the threads of the first row. Every thread of the block must call.
template <int Values, class Value>
__device__ inline Pack<Values> column_sums(int64_t first, int64_t last, int32_t column, bool inside, const Value& value) {
  __shared__ float parts[Values][kColumnRows][kColumns];
  const int lane = static_cast<int>(threadIdx.x) % kColumns, row = static_cast<int>(threadIdx.x) / kColumns;
  float sum[Values] = {};
  if (inside) {
    for (int64_t i = first + row; i < last; i += kColumnRows) value(i, column, sum);
  }
  for (int v = 0; v < Values; ++v) parts[v][row][lane] = sum[v];
  __syncthreads();
  Pack<Values> total;
  for (int v = 0; v < Values; ++v) {
    total.v[v] = parts[v][0][lane];
    for (int r = 1; r < kColumnRows; ++r) total.v[v] += parts[v][r][lane];
  }
  return total;
}

/// The rows of chunk `chunk` of `chunks`.
struct RowRange {
  int64_t first, last;
};
__host__ __device__ inline RowRange chunk_rows(int64_t rows, int32_t chunks, int32_t chunk) {
  const int64_t each = (rows + chunks - 1) / chunks, first = each * chunk;
  return {first < rows ? first : rows, first + each < rows ? first + each : rows};
}

/// `Body` has `__device__ void operator()(int64_t row, int32_t column, float* sum) const`, which adds to Values sums.
/// partial[(chunk * Values + v) * c + column].
template <int Values, class Body>
__global__ void __launch_bounds__(kThreads) partial_sums_kernel(float* partial, int64_t rows, int32_t c, int32_t chunks, Body body) {
  const int32_t column = static_cast<int32_t>(blockIdx.x) * kColumns + static_cast<int32_t>(threadIdx.x) % kColumns;
  const int32_t chunk = static_cast<int32_t>(blockIdx.y);
  const RowRange range = chunk_rows(rows, chunks, chunk);
  const Pack<Values> total = column_sums<Values>(range.first, range.last, column, column < c, body);
  if (threadIdx.x >= kColumns || column >= c) return;
  for (int v = 0; v < Values; ++v) partial[(int64_t{chunk} * Values + v) * c + column] = total.v[v];
}

inline dim3 column_grid(int32_t c, int32_t chunks) {
  return dim3(static_cast<unsigned>(divide_up(c, kColumns)), static_cast<unsigned>(chunks));
}

/// First stage: `chunks` partial sums a column. `chunks` is at most 65535.
template <int Values, class Body>
void launch_partial_sums(Context& ctx, float* partial, int64_t rows, int32_t c, int32_t chunks, const Body& body) {
  partial_sums_kernel<Values><<<column_grid(c, chunks), kThreads, 0, ctx.stream>>>(partial, rows, c, chunks, body);
}

/// sum[column] = sum over rows of x, using `scratch_floats` floats of scratch that must not overlap; works with none. (columns.cu)
void column_sum(Context& ctx, float* sum, const float* x, int64_t rows, int32_t c, float* scratch, int64_t scratch_floats);

/// Second stage of partial sums of two values a column: adds the chunks in order. (columns.cu)
void join_partial_pairs(Context& ctx, float* first, float* second, const float* partial, int32_t chunks, int32_t c);

/// Body of column_sum: the column of one matrix.
struct ColumnOf {
  const float* x;
  int32_t c;
  __device__ void operator()(int64_t row, int32_t column, float* sum) const { sum[0] += x[row * c + column]; }
};

}  // namespace netrt
