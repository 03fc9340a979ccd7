#include "launch.h"

namespace netrt {
namespace {

struct Place {
  float* y;
  const float* x;
  PlaceDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t j = pixel % d.ow, i = pixel / d.ow % d.oh, n = pixel / d.ow / d.oh;
    const int32_t from_i = i - d.top, from_j = j - d.left;
    Pack<V> p{};
    if (from_i >= 0 && from_i < d.h && from_j >= 0 && from_j < d.w) {
      p = load<V>(x + ((int64_t{n} * d.h + from_i) * d.w + from_j) * d.c + channel);
    }
    store<V>(y + int64_t{pixel} * d.c + channel, p);
  }
};

}  // namespace

void place_forward(Context& ctx, float* y, const float* x, const PlaceDesc& desc) {
  launch_pixels(ctx, int64_t{desc.n} * desc.oh * desc.ow, desc.c, vectorizable(desc.c, y, x), Place{y, x, desc});
  check_launch("place_forward", desc);
}

}  // namespace netrt
