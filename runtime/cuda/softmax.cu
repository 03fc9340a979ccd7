#include "launch.h"
#include "softmax_row.h"

namespace netrt {
namespace {

__global__ void __launch_bounds__(kThreads) forward_kernel(float* y, const float* x, int64_t rows, int32_t cols) {
  for (int64_t row = first_row(); row < rows; row += row_step()) {
    const SoftmaxRow s = softmax_row(x + row * cols, cols);
    const float factor = 1.0f / s.sum;
    for (int32_t j = warp_lane(); j < cols; j += 32) y[row * cols + j] = expf(x[row * cols + j] - s.highest) * factor;
  }
}

// dx = y * (dy - sum of dy * y): the Jacobian diag(y) - y y^T applied to dy.
__global__ void __launch_bounds__(kThreads) backward_kernel(float* dx, const float* y, const float* dy, int64_t rows, int32_t cols) {
  for (int64_t row = first_row(); row < rows; row += row_step()) {
    const float *out = y + row * cols, *gradient = dy + row * cols;
    float sum = 0;
    for (int32_t j = warp_lane(); j < cols; j += 32) sum += out[j] * gradient[j];
    sum = warp_sum(sum);
    for (int32_t j = warp_lane(); j < cols; j += 32) dx[row * cols + j] = out[j] * (gradient[j] - sum);
  }
}

}  // namespace

void softmax_forward(Context& ctx, float* y, const float* x, const SoftmaxDesc& desc) {
  if (desc.rows > 0) forward_kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(y, x, desc.rows, desc.cols);
  check_launch("softmax_forward", desc);
}

void softmax_backward(Context& ctx, float* dx, const float* y, const float* dy, const SoftmaxDesc& desc) {
  if (desc.rows > 0) backward_kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(dx, y, dy, desc.rows, desc.cols);
  check_launch("softmax_backward", desc);
}

}  // namespace netrt
