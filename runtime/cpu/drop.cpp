#include "../random.h"
#include "context.h"
#include "parallel.h"

namespace netrt {

void drop_forward(Context& ctx, float* y, const float* x, const DropDesc& desc) {
  const uint64_t seed = ctx.run.seed, stream = drop_stream(desc.stream, ctx.run.micro_step);
  const float p = desc.p, scale = p < 1.0f ? 1.0f / (1.0f - p) : 0.0f;
  parallel_for((desc.count + 3) / 4, 32, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const Random4 random = philox(seed, stream, static_cast<uint64_t>(block));
      const int64_t first = block * 4, here = std::min<int64_t>(4, desc.count - first);
      for (int64_t i = 0; i < here; ++i) y[first + i] = uniform01(random.v[i]) >= p ? x[first + i] * scale : 0.0f;
    }
  });
}

}  // namespace netrt
