#include "launch.h"

namespace netrt {
namespace {

struct Copy {
  float* y;
  const float* x;
  ChannelsDesc d;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    store<V>(y + int64_t{row} * d.dst_c + d.dst_first + channel, load<V>(x + int64_t{row} * d.src_c + d.src_first + channel));
  }
};

struct Scatter {
  float* y;
  const float* x;
  ChannelsDesc d;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const int32_t from = channel - d.dst_first;
    Pack<V> p{};
    if (from >= 0 && from < d.c) p = load<V>(x + int64_t{row} * d.src_c + d.src_first + from);
    store<V>(y + int64_t{row} * d.dst_c + channel, p);
  }
};

// Whether every vector of four channels starts at a multiple of four on both sides and lies wholly inside or outside the range.
bool in_fours(const ChannelsDesc& d, const float* y, const float* x) {
  return vectorizable(d.c, y, x) && d.src_c % 4 == 0 && d.src_first % 4 == 0 && d.dst_c % 4 == 0 && d.dst_first % 4 == 0;
}

}  // namespace

void channels_copy(Context& ctx, float* y, const float* x, const ChannelsDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, in_fours(desc, y, x), Copy{y, x, desc});
  check_launch("channels_copy", desc);
}

void channels_scatter(Context& ctx, float* y, const float* x, const ChannelsDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.dst_c, in_fours(desc, y, x), Scatter{y, x, desc});
  check_launch("channels_scatter", desc);
}

}  // namespace netrt
