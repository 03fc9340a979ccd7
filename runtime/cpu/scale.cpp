#include "context.h"
#include "rows.h"

namespace netrt {

void scale_forward(Context&, float* y, const float* x, const float* gain, const ScaleDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) y[row * c + j] = x[row * c + j] * gain[j];
    }
  });
}

size_t scale_backward_weights_workspace(const ScaleDesc& desc) { return sizeof(float) * row_chunks(desc.rows) * desc.c; }

void scale_backward_weights(Context&, float* dgain, const float* x, const float* dy, const ScaleDesc& desc, Workspace workspace) {
  require_workspace("scale_backward_weights", scale_backward_weights_workspace(desc), workspace);
  const int64_t c = desc.c;
  float* parts = static_cast<float*>(workspace.data);
  sum_chunks(parts, c, desc.rows, [&](float* sums, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) sums[j] += x[row * c + j] * dy[row * c + j];
    }
  });
  column_sum(dgain, parts, row_chunks(desc.rows), c);
}

}  // namespace netrt
