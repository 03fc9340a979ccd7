#include "launch.h"

namespace netrt {
namespace {

// k + alpha/size * sum of x^2 over the window of channel i: size/2 channels before it, (size-1)/2 after it.
__device__ float window_base(const float* row, int32_t i, const LrnDesc& d) {
  float sum = 0;
  const int32_t first = max(i - d.size / 2, 0), last = min(i + (d.size - 1) / 2, d.c - 1);
  for (int32_t j = first; j <= last; ++j) sum += row[j] * row[j];
  return d.k + d.alpha / static_cast<float>(d.size) * sum;
}

struct Forward {
  float* y;
  const float* x;
  LrnDesc d;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const float* in = x + int64_t{row} * d.c;
    Pack<V> p;
    for (int j = 0; j < V; ++j) p.v[j] = in[channel + j] * powf(window_base(in, channel + j, d), -d.beta);
    store<V>(y + int64_t{row} * d.c + channel, p);
  }
};

// dx_j = dy_j base_j^-beta - 2 alpha beta / size * x_j * sum over i with j in i's window of dy_i x_i base_i^(-beta-1).
struct Backward {
  float* dx;
  const float* x;
  const float* dy;
  LrnDesc d;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const float *in = x + int64_t{row} * d.c, *gradient = dy + int64_t{row} * d.c;
    const float factor = 2.0f * d.alpha * d.beta / static_cast<float>(d.size);
    for (int v = 0; v < V; ++v) {
      const int32_t j = channel + v, first = max(j - (d.size - 1) / 2, 0), last = min(j + d.size / 2, d.c - 1);
      float sum = 0;
      for (int32_t i = first; i <= last; ++i) {
        const float base = window_base(in, i, d);
        sum += gradient[i] * in[i] * (powf(base, -d.beta) / base);
      }
      dx[int64_t{row} * d.c + j] = gradient[j] * powf(window_base(in, j, d), -d.beta) - factor * in[j] * sum;
    }
  }
};

}  // namespace

void lrn_forward(Context& ctx, float* y, const float* x, const LrnDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, false, Forward{y, x, desc});
  check_launch("lrn_forward", desc);
}

void lrn_backward(Context& ctx, float* dx, const float* x, const float* dy, const LrnDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, false, Backward{dx, x, dy, desc});
  check_launch("lrn_backward", desc);
}

}  // namespace netrt
