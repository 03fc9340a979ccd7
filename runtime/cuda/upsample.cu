#include "launch.h"

namespace netrt {
namespace {

// Where output coordinate `out` reads along one axis of `size` inputs: PyTorch's align_corners=False.
struct Tap {
  int32_t low, high;
  float high_weight;
};

__device__ Tap tap_of(int32_t out, int32_t factor, int32_t size, bool bilinear) {
  if (!bilinear) return {out / factor, out / factor, 0.0f};
  const float at = fmaxf((static_cast<float>(out) + 0.5f) / static_cast<float>(factor) - 0.5f, 0.0f);
  const int32_t low = min(static_cast<int32_t>(at), size - 1);
  return {low, min(low + 1, size - 1), at - static_cast<float>(low)};
}

// The weight with which an output reads input `in`.
__device__ float weight_of(const Tap& tap, int32_t in) {
  return (tap.low == in ? 1.0f - tap.high_weight : 0.0f) + (tap.high == in ? tap.high_weight : 0.0f);
}

struct Forward {
  float* y;
  const float* x;
  UpsampleDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t ow = d.w * d.factor, oh = d.h * d.factor;
    const int32_t oj = pixel % ow, oi = pixel / ow % oh, n = pixel / ow / oh;
    const Tap i = tap_of(oi, d.factor, d.h, d.bilinear != 0), j = tap_of(oj, d.factor, d.w, d.bilinear != 0);
    const float* image = x + int64_t{n} * d.h * d.w * d.c + channel;
    Pack<V> p = load<V>(image + (int64_t{i.low} * d.w + j.low) * d.c);
    if (d.bilinear != 0) {
      const Pack<V> right = load<V>(image + (int64_t{i.low} * d.w + j.high) * d.c);
      const Pack<V> below = load<V>(image + (int64_t{i.high} * d.w + j.low) * d.c);
      const Pack<V> corner = load<V>(image + (int64_t{i.high} * d.w + j.high) * d.c);
      for (int v = 0; v < V; ++v) {
        const float top = (1.0f - j.high_weight) * p.v[v] + j.high_weight * right.v[v];
        const float bottom = (1.0f - j.high_weight) * below.v[v] + j.high_weight * corner.v[v];
        p.v[v] = (1.0f - i.high_weight) * top + i.high_weight * bottom;
      }
    }
    store<V>(y + int64_t{pixel} * d.c + channel, p);
  }
};

// Gathers the outputs that read a pixel: those of its own square, and for bilinear those of the squares around it.
struct Backward {
  float* dx;
  const float* dy;
  UpsampleDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t ow = d.w * d.factor, oh = d.h * d.factor, around = d.bilinear != 0 ? 1 : 0;
    const int32_t j = pixel % d.w, i = pixel / d.w % d.h, n = pixel / d.w / d.h;
    Pack<V> sum{};
    for (int32_t oi = max((i - around) * d.factor, 0); oi < min((i + around + 1) * d.factor, oh); ++oi) {
      const float row_weight = weight_of(tap_of(oi, d.factor, d.h, d.bilinear != 0), i);
      if (row_weight == 0.0f) continue;
      for (int32_t oj = max((j - around) * d.factor, 0); oj < min((j + around + 1) * d.factor, ow); ++oj) {
        const float weight = row_weight * weight_of(tap_of(oj, d.factor, d.w, d.bilinear != 0), j);
        const Pack<V> g = load<V>(dy + ((int64_t{n} * oh + oi) * ow + oj) * d.c + channel);
        for (int v = 0; v < V; ++v) sum.v[v] += weight * g.v[v];
      }
    }
    store<V>(dx + int64_t{pixel} * d.c + channel, sum);
  }
};

}  // namespace

void upsample_forward(Context& ctx, float* y, const float* x, const UpsampleDesc& desc) {
  const int64_t pixels = int64_t{desc.n} * desc.h * desc.factor * desc.w * desc.factor;
  launch_pixels(ctx, pixels, desc.c, vectorizable(desc.c, y, x), Forward{y, x, desc});
  check_launch("upsample_forward", desc);
}

void upsample_backward(Context& ctx, float* dx, const float* dy, const UpsampleDesc& desc) {
  launch_pixels(ctx, int64_t{desc.n} * desc.h * desc.w, desc.c, vectorizable(desc.c, dx, dy), Backward{dx, dy, desc});
  check_launch("upsample_backward", desc);
}

}  // namespace netrt
