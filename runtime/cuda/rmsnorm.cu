#include "columns.h"
#include "softmax_row.h"

namespace netrt {
namespace {

// One warp a row, V values a lane.
template <int V>
__global__ void __launch_bounds__(kThreads) forward_kernel(float* y, float* invrms_or_null, const float* x, const float* gamma, NormDesc d) {
  for (int64_t row = first_row(); row < d.rows; row += row_step()) {
    const float* in = x + row * d.c;
    float square = 0;
    for (int32_t j = warp_lane() * V; j < d.c; j += 32 * V) {
      const Pack<V> p = load<V>(in + j);
      for (int v = 0; v < V; ++v) square += p.v[v] * p.v[v];
    }
    const float invrms = 1.0f / sqrtf(warp_sum(square) / static_cast<float>(d.c) + d.eps);
    if (warp_lane() == 0 && invrms_or_null != nullptr) invrms_or_null[row] = invrms;
    for (int32_t j = warp_lane() * V; j < d.c; j += 32 * V) {
      Pack<V> p = load<V>(in + j);
      const Pack<V> g = load<V>(gamma + j);
      for (int v = 0; v < V; ++v) p.v[v] *= invrms * g.v[v];
      store<V>(y + row * d.c + j, p);
    }
  }
}

// With g = dy * gamma and z the normalised value: dx = invrms * (g - z * mean(g z)). One warp a row; dx may be dy.
template <int V>
__global__ void __launch_bounds__(kThreads) data_kernel(float* dx, const float* x, const float* invrms, const float* gamma, const float* dy, NormDesc d) {
  const float share = 1.0f / static_cast<float>(d.c);
  for (int64_t row = first_row(); row < d.rows; row += row_step()) {
    const float *in = x + row * d.c, *gradient = dy + row * d.c;
    const float s = invrms[row];
    float product = 0;
#pragma unroll 2
    for (int32_t j = warp_lane() * V; j < d.c; j += 32 * V) {
      const Pack<V> p = load<V>(in + j), g = load<V>(gamma + j), up = load<V>(gradient + j);
      for (int v = 0; v < V; ++v) product += up.v[v] * g.v[v] * p.v[v] * s;
    }
    const float mean = warp_sum(product) * share;
#pragma unroll 2
    for (int32_t j = warp_lane() * V; j < d.c; j += 32 * V) {
      const Pack<V> p = load<V>(in + j), g = load<V>(gamma + j);
      Pack<V> up = load<V>(gradient + j);
      for (int v = 0; v < V; ++v) up.v[v] = s * (up.v[v] * g.v[v] - p.v[v] * s * mean);
      store<V>(dx + row * d.c + j, up);
    }
  }
}

// Adds dy times the normalised value.
struct GradientSum {
  const float *x, *invrms, *dy;
  int32_t c;
  __device__ void operator()(int64_t row, int32_t column, float* sum) const { sum[0] += dy[row * c + column] * x[row * c + column] * invrms[row]; }
};

}  // namespace

void rmsnorm_forward(Context& ctx, float* y, float* invrms_or_null, const float* x, const float* gamma, const NormDesc& desc) {
  if (desc.rows > 0) {
    const auto kernel = vectorizable(desc.c, y, x, gamma) ? forward_kernel<4> : forward_kernel<1>;
    kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(y, invrms_or_null, x, gamma, desc);
  }
  check_launch("rmsnorm_forward", desc);
}

void rmsnorm_backward(Context& ctx, float* dx_or_null, float* dgamma, const float* x, const float* invrms, const float* gamma, const float* dy,
                      const NormDesc& desc, Workspace workspace) {
  require_workspace("rmsnorm_backward", rmsnorm_backward_workspace(desc), workspace);
  float* partial = static_cast<float*>(workspace.data);
  const int32_t chunks = cuda::reduction_chunks(desc.rows, desc.c);
  launch_partial_sums<1>(ctx, partial, desc.rows, desc.c, chunks, GradientSum{x, invrms, dy, desc.c});
  launch_partial_sums<1>(ctx, dgamma, chunks, desc.c, 1, ColumnOf{partial, desc.c});
  if (dx_or_null != nullptr && desc.rows > 0) {
    const auto kernel = vectorizable(desc.c, dx_or_null, x, gamma, dy) ? data_kernel<4> : data_kernel<1>;
    kernel<<<row_blocks(desc.rows), kThreads, 0, ctx.stream>>>(dx_or_null, x, invrms, gamma, dy, desc);
  }
  check_launch("rmsnorm_backward", desc);
}

size_t rmsnorm_backward_workspace(const NormDesc& desc) { return cuda::rmsnorm_backward_workspace(desc); }

}  // namespace netrt
