#include "context.h"
#include "parallel.h"

namespace netrt {

void cls_forward(Context&, float* y, const float* x, const float* w, const ClsDesc& desc) {
  const int64_t c = desc.c, sequence = desc.t * c;
  parallel_for(desc.n, sequence + c, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* out = y + n * (sequence + c);
      std::copy_n(w, c, out);
      std::copy_n(x + n * sequence, sequence, out + c);
    }
  });
}

void cls_backward_weights(Context&, float* dw, const float* dy, const ClsDesc& desc) {
  const int64_t c = desc.c;
  std::fill(dw, dw + c, 0.0f);
  for (int64_t n = 0; n < desc.n; ++n) {
    const float* from = dy + n * (desc.t + 1) * c;
#pragma omp simd
    for (int64_t j = 0; j < c; ++j) dw[j] += from[j];
  }
}

}  // namespace netrt
