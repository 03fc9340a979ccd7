#include "columns.h"

namespace netrt {
namespace {

__global__ void __launch_bounds__(kThreads) join_kernel(float* first, float* second, const float* partial, int32_t chunks, int32_t c) {
  const int32_t column = static_cast<int32_t>(blockIdx.x) * kColumns + static_cast<int32_t>(threadIdx.x) % kColumns;
  const Pack<2> total = column_sums<2>(0, chunks, column, column < c, [&](int64_t chunk, int32_t at, float* sum) {
    sum[0] += partial[(chunk * 2) * c + at];
    sum[1] += partial[(chunk * 2 + 1) * c + at];
  });
  if (threadIdx.x >= kColumns || column >= c) return;
  first[column] = total.v[0];
  second[column] = total.v[1];
}

}  // namespace

void join_partial_pairs(Context& ctx, float* first, float* second, const float* partial, int32_t chunks, int32_t c) {
  join_kernel<<<column_grid(c, 1), kThreads, 0, ctx.stream>>>(first, second, partial, chunks, c);
}

void column_sum(Context& ctx, float* sum, const float* x, int64_t rows, int32_t c, float* scratch, int64_t scratch_floats) {
  if (c == 0) return;
  const int64_t wanted = cuda::reduction_chunks(static_cast<int32_t>(std::min<int64_t>(rows, INT32_MAX)), c);
  const int32_t chunks = static_cast<int32_t>(std::min<int64_t>(wanted, scratch_floats / c));
  if (chunks < 2) {
    launch_partial_sums<1>(ctx, sum, rows, c, 1, ColumnOf{x, c});
    return;
  }
  launch_partial_sums<1>(ctx, scratch, rows, c, chunks, ColumnOf{x, c});
  launch_partial_sums<1>(ctx, sum, chunks, c, 1, ColumnOf{scratch, c});
}

}  // namespace netrt
