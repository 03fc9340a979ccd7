#include "columns.h"

namespace netrt {

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
