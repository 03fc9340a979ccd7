#include "context.h"
#include "parallel.h"

namespace netrt {

void position_forward(Context&, float* y, const float* x, const float* w, const PositionDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(int64_t{desc.n} * desc.t, c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* at = w + row % desc.t * c;
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) y[row * c + j] = x[row * c + j] + at[j];
    }
  });
}

void position_backward_weights(Context&, float* dw, const float* dy, const PositionDesc& desc) {
  const int64_t t = desc.t, c = desc.c;
  parallel_for(t, desc.n * c, [&](int64_t begin, int64_t end) {
    std::fill(dw + begin * c, dw + end * c, 0.0f);
    for (int64_t n = 0; n < desc.n; ++n) {
      const float* from = dy + n * t * c;
#pragma omp simd
      for (int64_t j = begin * c; j < end * c; ++j) dw[j] += from[j];
    }
  });
  std::fill(dw + t * c, dw + desc.positions * c, 0.0f);
}

}  // namespace netrt
