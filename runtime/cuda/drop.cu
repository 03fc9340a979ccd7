#include "../random.h"
#include "launch.h"

namespace netrt {
namespace {

// One Philox block serves four consecutive elements, so a vector costs one block; a single element makes its whole block.
struct Drop {
  float* y;
  const float* x;
  uint64_t seed, stream;
  float p, scale;
  template <int V>
  __device__ void run(int64_t i) const {
    const Random4 random = philox(seed, stream, static_cast<uint64_t>(i / 4));
    Pack<V> values = load<V>(x + i);
    for (int j = 0; j < V; ++j) {
      const int word = V == 4 ? j : static_cast<int>(i % 4);
      const uint32_t bits = word == 0 ? random.v[0] : word == 1 ? random.v[1] : word == 2 ? random.v[2] : random.v[3];
      values.v[j] = uniform01(bits) >= p ? values.v[j] * scale : 0.0f;
    }
    store<V>(y + i, values);
  }
};

}  // namespace

void drop_forward(Context& ctx, float* y, const float* x, const DropDesc& desc) {
  const float scale = desc.p < 1.0f ? 1.0f / (1.0f - desc.p) : 0.0f;
  launch_each(ctx, desc.count, vectorizable(4, y, x), Drop{y, x, ctx.run.seed, drop_stream(desc.stream, ctx.run.micro_step), desc.p, scale});
  check_launch("drop_forward", desc);
}

}  // namespace netrt
