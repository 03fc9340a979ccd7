#include <cmath>

#include "context.h"
#include "rows.h"

namespace netrt {
namespace {

float inverse_rms(const float* x, const NormDesc& desc) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < desc.c; ++j) sum += x[j] * x[j];
  return 1.0f / std::sqrt(sum / static_cast<float>(desc.c) + desc.eps);
}

/// With g = dy * gamma and z = x * invrms: dx = invrms * (g - z * mean(g z)).
void row_gradient(float* dx, const float* x, const float* gamma, const float* dy, float invrms, int64_t c) {
  float product = 0;
#pragma omp simd reduction(+ : product)
  for (int64_t j = 0; j < c; ++j) product += dy[j] * gamma[j] * x[j];
  const float share = product * invrms * invrms / static_cast<float>(c);
#pragma omp simd
  for (int64_t j = 0; j < c; ++j) dx[j] = invrms * (dy[j] * gamma[j] - x[j] * share);
}

}  // namespace

size_t rmsnorm_backward_workspace(const NormDesc& desc) { return sizeof(float) * row_chunks(desc.rows) * desc.c; }

void rmsnorm_forward(Context&, float* y, float* invrms_or_null, const float* x, const float* gamma, const NormDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(desc.rows, 2 * c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float invrms = inverse_rms(x + row * c, desc);
      if (invrms_or_null != nullptr) invrms_or_null[row] = invrms;
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) y[row * c + j] = x[row * c + j] * invrms * gamma[j];
    }
  });
}

void rmsnorm_backward(Context&, float* dx_or_null, float* dgamma, const float* x, const float* invrms, const float* gamma, const float* dy,
                      const NormDesc& desc, Workspace workspace) {
  require_workspace("rmsnorm_backward", rmsnorm_backward_workspace(desc), workspace);
  const int64_t c = desc.c;
  float* parts = static_cast<float*>(workspace.data);
  sum_chunks(parts, c, desc.rows, [&](float* sums, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float *in = x + row * c, *gradient = dy + row * c;
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) sums[j] += gradient[j] * in[j] * invrms[row];
      if (dx_or_null != nullptr) row_gradient(dx_or_null + row * c, in, gamma, gradient, invrms[row], c);
    }
  });
  column_sum(dgamma, parts, row_chunks(desc.rows), c);
}

}  // namespace netrt
