#include "context.h"
#include "parallel.h"
#include "rows.h"

namespace netrt {
namespace {

/// Rows added up by themselves before the parts are: the same for every number of threads.
constexpr int64_t chunk_rows = 256;

int64_t chunk_count(const ScaleDesc& desc) { return (desc.rows + chunk_rows - 1) / chunk_rows; }

}  // namespace

void scale_forward(Context&, float* y, const float* x, const float* gain, const ScaleDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) y[row * c + j] = x[row * c + j] * gain[j];
    }
  });
}

size_t scale_backward_weights_workspace(const ScaleDesc& desc) { return sizeof(float) * chunk_count(desc) * desc.c; }

void scale_backward_weights(Context&, float* dgain, const float* x, const float* dy, const ScaleDesc& desc, Workspace workspace) {
  require_workspace("scale_backward_weights", scale_backward_weights_workspace(desc), workspace);
  const int64_t c = desc.c, chunks = chunk_count(desc);
  float* parts = static_cast<float*>(workspace.data);
  parallel_for(chunks, chunk_rows * c, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      float* part = parts + chunk * c;
      std::fill(part, part + c, 0.0f);
      const int64_t last = std::min<int64_t>((chunk + 1) * chunk_rows, desc.rows);
      for (int64_t row = chunk * chunk_rows; row < last; ++row) {
#pragma omp simd
        for (int64_t j = 0; j < c; ++j) part[j] += x[row * c + j] * dy[row * c + j];
      }
    }
  });
  column_sum(dgain, parts, chunks, c);
}

}  // namespace netrt
