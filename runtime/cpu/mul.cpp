#include "context.h"
#include "parallel.h"

namespace netrt {

void mul_forward(Context&, float* y, const float* a, const float* b, const MulDesc& desc) {
  const int64_t pixels = desc.pixels, c = desc.c;
  parallel_for(desc.n * pixels, c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* factor = b + (desc.broadcast != 0 ? row / pixels : row) * c;
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) y[row * c + j] = a[row * c + j] * factor[j];
    }
  });
}

void mul_reduce(Context&, float* db, const float* a, const float* dy, const MulDesc& desc) {
  const int64_t pixels = desc.pixels, c = desc.c;
  parallel_for(desc.n, pixels * c, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* out = db + n * c;
      std::fill(out, out + c, 0.0f);
      for (int64_t row = n * pixels; row < (n + 1) * pixels; ++row) {
#pragma omp simd
        for (int64_t j = 0; j < c; ++j) out[j] += a[row * c + j] * dy[row * c + j];
      }
    }
  });
}

}  // namespace netrt
