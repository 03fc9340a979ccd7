#include "../elementary.h"
#include "context.h"
#include "parallel.h"

namespace netrt {

void softmax_forward(Context&, float* y, const float* x, const SoftmaxDesc& desc) {
  const int64_t cols = desc.cols;
  parallel_for(desc.rows, cols * 8, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x + row * cols;
      float* out = y + row * cols;
      float highest = in[0], sum = 0;
#pragma omp simd reduction(max : highest)
      for (int64_t j = 0; j < cols; ++j) highest = std::max(highest, in[j]);
#pragma omp simd reduction(+ : sum)
      for (int64_t j = 0; j < cols; ++j) {
        out[j] = vector_exp(in[j] - highest);
        sum += out[j];
      }
      const float factor = 1.0f / sum;
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) out[j] *= factor;
    }
  });
}

// dx = y * (dy - sum of dy * y): the Jacobian diag(y) - y y^T applied to dy.
void softmax_backward(Context&, float* dx, const float* y, const float* dy, const SoftmaxDesc& desc) {
  const int64_t cols = desc.cols;
  parallel_for(desc.rows, cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float *out = y + row * cols, *gradient = dy + row * cols;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t j = 0; j < cols; ++j) sum += out[j] * gradient[j];
#pragma omp simd
      for (int64_t j = 0; j < cols; ++j) dx[row * cols + j] = out[j] * (gradient[j] - sum);
    }
  });
}

}  // namespace netrt
