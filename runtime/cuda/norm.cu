#include "columns.h"
#include "softmax_row.h"

namespace netrt {
namespace {

// One warp a row. The variance is taken around the mean in a second pass: the row is in the cache by then.
__global__ void __launch_bounds__(kThreads) forward_kernel(float* y, float* mean, float* invstd, const float* x, const float* gamma, const float* beta,
                                                           NormDesc d) {
  for (int64_t row = first_row(); row < d.rows; row += row_step()) {
    const float* in = x + row * d.c;
    float sum = 0;
    for (int32_t j = warp_lane(); j < d.c; j += 32) sum += in[j];
    const float average = warp_sum(sum) / static_cast<float>(d.c);
    float square = 0;
    for (int32_t j = warp_lane(); j < d.c; j += 32) square += (in[j] - average) * (in[j] - average);
    const float factor = 1.0f / sqrtf(warp_sum(square) / static_cast<float>(d.c) + d.eps);
    if (warp_lane() == 0 && mean != nullptr) mean[row] = average;
    if (warp_lane() == 0 && invstd != nullptr) invstd[row] = factor;
    for (int32_t j = warp_lane(); j < d.c; j += 32) y[row * d.c + j] = (in[j] - average) * factor * gamma[j] + beta[j];
  }
}

// With g = dy gamma and z the normalised value: dx = invstd (g - mean(g) - z mean(g z)).
__global__ void __launch_bounds__(kThreads) data_kernel(float* dx, const float* x, const float* mean, const float* invstd, const float* gamma,
                                                        const float* dy, NormDesc d) {
  for (int64_t row = first_row(); row < d.rows; row += row_step()) {
    const float *in = x + row * d.c, *gradient = dy + row * d.c;
    const float average = mean[row], factor = invstd[row];
    float sum = 0, product = 0;
    for (int32_t j = warp_lane(); j < d.c; j += 32) {
      const float g = gradient[j] * gamma[j];
      sum += g;
      product += g * (in[j] - average) * factor;
    }
    const float share = 1.0f / static_cast<float>(d.c);
    sum = warp_sum(sum) * share;
    product = warp_sum(product) * share;
    for (int32_t j = warp_lane(); j < d.c; j += 32) {
      const float z = (in[j] - average) * factor;
      dx[row * d.c + j] = factor * (gradient[j] * gamma[j] - sum - z * product);
    }
  }
}

// Adds dy times the normalised value, and dy.
struct ParameterSums {
  const float* x;
  const float* mean;
  const float* invstd;
  const float* dy;
  int32_t c;
  __device__ void operator()(int64_t row, int32_t column, float* sum) const {
    const float gradient = dy[row * c + column];
    sum[0] += gradient * (x[row * c + column] - mean[row]) * invstd[row];
    sum[1] += gradient;
  }
};

__global__ void __launch_bounds__(kThreads) join_kernel(float* dgamma, float* dbeta, const float* partial, int32_t chunks, int32_t c) {
  const int32_t column = static_cast<int32_t>(blockIdx.x) * kColumns + static_cast<int32_t>(threadIdx.x) % kColumns;
  const Pack<2> total = column_sums<2>(0, chunks, column, column < c, [&](int64_t chunk, int32_t at, float* sum) {
    sum[0] += partial[(chunk * 2) * c + at];
    sum[1] += partial[(chunk * 2 + 1) * c + at];
  });
  if (threadIdx.x >= kColumns || column >= c) return;
  dgamma[column] = total.v[0];
  dbeta[column] = total.v[1];
}

}  // namespace

void norm_forward(Context& ctx, float* y, float* mean, float* invstd, const float* x, const float* gamma, const float* beta, const NormDesc& desc) {
  if (desc.rows > 0) forward_kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(y, mean, invstd, x, gamma, beta, desc);
  check_launch("norm_forward", desc);
}

// The sums come first: dx may be written over dy.
void norm_backward(Context& ctx, float* dx, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd, const float* gamma,
                   const float* dy, const NormDesc& desc, Workspace workspace) {
  require_workspace("norm_backward", norm_backward_workspace(desc), workspace);
  float* partial = static_cast<float*>(workspace.data);
  const int32_t chunks = cuda::reduction_chunks(desc.rows, desc.c);
  launch_partial_sums<2>(ctx, partial, desc.rows, desc.c, chunks, ParameterSums{x, mean, invstd, dy, desc.c});
  join_kernel<<<column_grid(desc.c, 1), kThreads, 0, ctx.stream>>>(dgamma, dbeta, partial, chunks, desc.c);
  if (dx != nullptr && desc.rows > 0) data_kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(dx, x, mean, invstd, gamma, dy, desc);
  check_launch("norm_backward", desc);
}

size_t norm_backward_workspace(const NormDesc& desc) { return cuda::norm_backward_workspace(desc); }

}  // namespace netrt
