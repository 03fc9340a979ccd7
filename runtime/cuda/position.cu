#include "launch.h"

namespace netrt {
namespace {

struct AddPosition {
  float* y;
  const float* x;
  const float* w;
  int32_t t, c;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const int64_t at = int64_t{row} * c + channel;
    Pack<V> p = load<V>(x + at);
    const Pack<V> position = load<V>(w + int64_t{row % t} * c + channel);
    for (int v = 0; v < V; ++v) p.v[v] += position.v[v];
    store<V>(y + at, p);
  }
};

// The samples in their order; positions that no sequence reaches get 0.
struct SumSamples {
  float* dw;
  const float* dy;
  int32_t n, t, c;
  template <int V>
  __device__ void run(int32_t position, int32_t channel) const {
    Pack<V> sum{};
    for (int32_t sample = 0; position < t && sample < n; ++sample) {
      const Pack<V> g = load<V>(dy + (int64_t{sample} * t + position) * c + channel);
      for (int v = 0; v < V; ++v) sum.v[v] += g.v[v];
    }
    store<V>(dw + int64_t{position} * c + channel, sum);
  }
};

}  // namespace

void position_forward(Context& ctx, float* y, const float* x, const float* w, const PositionDesc& desc) {
  launch_pixels(ctx, int64_t{desc.n} * desc.t, desc.c, vectorizable(desc.c, y, x, w), AddPosition{y, x, w, desc.t, desc.c});
  check_launch("position_forward", desc);
}

void position_backward_weights(Context& ctx, float* dw, const float* dy, const PositionDesc& desc) {
  launch_pixels(ctx, desc.positions, desc.c, vectorizable(desc.c, dw, dy), SumSamples{dw, dy, desc.n, desc.t, desc.c});
  check_launch("position_backward_weights", desc);
}

}  // namespace netrt
