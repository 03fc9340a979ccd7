#include <cmath>

#include "launch.h"

namespace netrt {
namespace {

// One thread turns the same pairs of every query and key head of a token, so that each angle is made once. The angle is counted in whole
// turns and in double, of which float32 then holds the rest: far positions lose no digits.
struct Turn {
  float* y;
  const float* x;
  RopeDesc d;
  double rate;  // a pair's frequency is 2^(rate * pair) radians a token
  __device__ void angle(int32_t position, int32_t pair, float* sine, float* cosine) const {
    const double turns = position * exp2(rate * pair) * 0.15915494309189535;  // 1 / (2 pi)
    sincospif(2.0f * static_cast<float>(turns - rint(turns)), sine, cosine);
    if (d.inverse != 0) *sine = -*sine;
  }
  template <int V>
  __device__ void run(int32_t row, int32_t pair) const {
    const int32_t half = d.size / 2, turned = d.heads + d.kv_heads, all = turned + d.kv_heads;
    float sine[V], cosine[V];
    for (int v = 0; v < V; ++v) angle(row % d.t, pair + v, &sine[v], &cosine[v]);
    const int64_t first = int64_t{row} * all * d.size + pair;
#pragma unroll 2
    for (int32_t head = 0; head < turned; ++head) {
      const int64_t at = first + head * d.size;
      Pack<V> a = load<V>(x + at), b = load<V>(x + at + half);
      for (int v = 0; v < V; ++v) {
        const float u = a.v[v], w = b.v[v];
        a.v[v] = u * cosine[v] - w * sine[v];
        b.v[v] = w * cosine[v] + u * sine[v];
      }
      store<V>(y + at, a);
      store<V>(y + at + half, b);
    }
#pragma unroll 2
    for (int32_t head = turned; y != x && head < all; ++head) {
      const int64_t at = first + head * d.size;
      store<V>(y + at, load<V>(x + at));
      store<V>(y + at + half, load<V>(x + at + half));
    }
  }
};

}  // namespace

void rope_forward(Context& ctx, float* y, const float* x, const RopeDesc& desc) {
  const double rate = -2.0 * std::log2(static_cast<double>(desc.base)) / desc.size;
  launch_pixels(ctx, int64_t{desc.n} * desc.t, desc.size / 2, vectorizable(desc.size / 2, y, x), Turn{y, x, desc, rate});
  check_launch("rope_forward", desc);
}

}  // namespace netrt
