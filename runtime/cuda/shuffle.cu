#include "launch.h"

namespace netrt {
namespace {

struct Shuffle {
  float* y;
  const float* x;
  int32_t c, groups;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    Pack<V> p;
    for (int i = 0; i < V; ++i) {
      const int32_t to = channel + i;
      p.v[i] = x[int64_t{row} * c + (to % groups) * (c / groups) + to / groups];
    }
    store<V>(y + int64_t{row} * c + channel, p);
  }
};

}  // namespace

void shuffle_forward(Context& ctx, float* y, const float* x, const ShuffleDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, vectorizable(desc.c, y), Shuffle{y, x, desc.c, desc.groups});
  check_launch("shuffle_forward", desc);
}

}  // namespace netrt
