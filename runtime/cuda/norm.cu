#include "columns.h"
#include "softmax_row.h"

namespace netrt {
namespace {

// One warp a row.
__global__ void __launch_bounds__(kThreads) forward_kernel(float* y, float* mean_or_null, float* invstd_or_null, const float* x, const float* gamma,
                                                           const float* beta, NormDesc d) {
  for (int64_t row = first_row(); row < d.rows; row += row_step()) {
    const float* in = x + row * d.c;
    float sum = 0, square = 0;
    for (int32_t j = warp_lane(); j < d.c; j += 32) sum += in[j];
    const float mean = warp_sum(sum) / static_cast<float>(d.c);
    for (int32_t j = warp_lane(); j < d.c; j += 32) square += (in[j] - mean) * (in[j] - mean);
    const float invstd = 1.0f / sqrtf(warp_sum(square) / static_cast<float>(d.c) + d.eps);
    if (warp_lane() == 0) {
      if (mean_or_null != nullptr) mean_or_null[row] = mean;
      if (invstd_or_null != nullptr) invstd_or_null[row] = invstd;
    }
    for (int32_t j = warp_lane(); j < d.c; j += 32) y[row * d.c + j] = (in[j] - mean) * invstd * gamma[j] + beta[j];
  }
}

// With g = dy * gamma and z the normalised value: dx = invstd * (g - mean(g) - z * mean(g z)). One warp a row; dx may be dy.
__global__ void __launch_bounds__(kThreads) data_kernel(float* dx, const float* x, const float* mean, const float* invstd, const float* gamma,
                                                        const float* dy, NormDesc d) {
  const float share = 1.0f / static_cast<float>(d.c);
  for (int64_t row = first_row(); row < d.rows; row += row_step()) {
    const float *in = x + row * d.c, *gradient = dy + row * d.c;
    const float m = mean[row], s = invstd[row];
    float sum = 0, product = 0;
    for (int32_t j = warp_lane(); j < d.c; j += 32) {
      const float g = gradient[j] * gamma[j];
      sum += g;
      product += g * (in[j] - m) * s;
    }
    sum = warp_sum(sum);
    product = warp_sum(product);
    for (int32_t j = warp_lane(); j < d.c; j += 32) {
      const float z = (in[j] - m) * s;
      dx[row * d.c + j] = s * (gradient[j] * gamma[j] - (sum + z * product) * share);
    }
  }
}

// Adds dy, and dy times the normalised value.
struct GradientSums {
  const float *x, *mean, *invstd, *dy;
  int32_t c;
  __device__ void operator()(int64_t row, int32_t column, float* sum) const {
    const float g = dy[row * c + column];
    sum[0] += g;
    sum[1] += g * (x[row * c + column] - mean[row]) * invstd[row];
  }
};

}  // namespace

void norm_forward(Context& ctx, float* y, float* mean_or_null, float* invstd_or_null, const float* x, const float* gamma, const float* beta,
                  const NormDesc& desc) {
  if (desc.rows > 0) {
    forward_kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(y, mean_or_null, invstd_or_null, x, gamma, beta, desc);
  }
  check_launch("norm_forward", desc);
}

void norm_backward(Context& ctx, float* dx_or_null, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd,
                   const float* gamma, const float* dy, const NormDesc& desc, Workspace workspace) {
  require_workspace("norm_backward", norm_backward_workspace(desc), workspace);
  float* partial = static_cast<float*>(workspace.data);
  const int32_t chunks = cuda::reduction_chunks(desc.rows, desc.c);
  launch_partial_sums<2>(ctx, partial, desc.rows, desc.c, chunks, GradientSums{x, mean, invstd, dy, desc.c});
  join_partial_pairs(ctx, dbeta, dgamma, partial, chunks, desc.c);
  if (dx_or_null != nullptr && desc.rows > 0) {
    data_kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(dx_or_null, x, mean, invstd, gamma, dy, desc);
  }
  check_launch("norm_backward", desc);
}

size_t norm_backward_workspace(const NormDesc& desc) { return cuda::norm_backward_workspace(desc); }

}  // namespace netrt
