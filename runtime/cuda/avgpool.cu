#include "launch.h"

namespace netrt {
namespace {

// What an output's sum is divided by: the part of the window inside the input, inside the padded input, or all of it.
__device__ float divisor(const PoolDesc& d, int32_t oi, int32_t oj) {
  if (d.count_pad == 1) return static_cast<float>(d.r * d.s);
  const int32_t corner_h = oi * d.stride_h - d.pad_top, corner_w = oj * d.stride_w - d.pad_left;
  if (d.count_pad == 2) return static_cast<float>((min(corner_h + d.r, d.h + d.pad_top) - corner_h) * (min(corner_w + d.s, d.w + d.pad_left) - corner_w));
  const int32_t rows = min(corner_h + d.r, d.h) - max(corner_h, 0), cols = min(corner_w + d.s, d.w) - max(corner_w, 0);
  return static_cast<float>(max(rows * cols, 1));
}

struct Forward {
  float* y;
  const float* x;
  PoolDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t oj = pixel % d.ow, oi = pixel / d.ow % d.oh, n = pixel / d.ow / d.oh;
    const int32_t corner_h = oi * d.stride_h - d.pad_top, corner_w = oj * d.stride_w - d.pad_left;
    Pack<V> sum{};
    for (int32_t i = max(corner_h, 0); i < min(corner_h + d.r, d.h); ++i) {
      for (int32_t j = max(corner_w, 0); j < min(corner_w + d.s, d.w); ++j) {
        const Pack<V> p = load<V>(x + ((int64_t{n} * d.h + i) * d.w + j) * d.c + channel);
        for (int v = 0; v < V; ++v) sum.v[v] += p.v[v];
      }
    }
    const float by = divisor(d, oi, oj);
    for (int v = 0; v < V; ++v) sum.v[v] /= by;
    store<V>(y + int64_t{pixel} * d.c + channel, sum);
  }
};

struct Backward {
  float* dx;
  const float* dy;
  PoolDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t j = pixel % d.w, i = pixel / d.w % d.h, n = pixel / d.w / d.h;
    const int32_t above = i + d.pad_top, left = j + d.pad_left;
    const int32_t oi0 = above < d.r ? 0 : (above - d.r) / d.stride_h + 1, oi1 = min(above / d.stride_h, d.oh - 1);
    const int32_t oj0 = left < d.s ? 0 : (left - d.s) / d.stride_w + 1, oj1 = min(left / d.stride_w, d.ow - 1);
    Pack<V> sum{};
#pragma unroll 1
    for (int32_t oi = oi0; oi <= oi1; ++oi) {
#pragma unroll 1
      for (int32_t oj = oj0; oj <= oj1; ++oj) {
        const Pack<V> g = load<V>(dy + ((int64_t{n} * d.oh + oi) * d.ow + oj) * d.c + channel);
        const float by = divisor(d, oi, oj);
        for (int v = 0; v < V; ++v) sum.v[v] += g.v[v] / by;
      }
    }
    store<V>(dx + int64_t{pixel} * d.c + channel, sum);
  }
};

}  // namespace

void avgpool_forward(Context& ctx, float* y, const float* x, const PoolDesc& desc) {
  launch_pixels(ctx, int64_t{desc.n} * desc.oh * desc.ow, desc.c, vectorizable(desc.c, y, x), Forward{y, x, desc});
  check_launch("avgpool_forward", desc);
}

void avgpool_backward(Context& ctx, float* dx, const float* dy, const PoolDesc& desc) {
  launch_pixels(ctx, int64_t{desc.n} * desc.h * desc.w, desc.c, vectorizable(desc.c, dx, dy), Backward{dx, dy, desc});
  check_launch("avgpool_backward", desc);
}

}  // namespace netrt
