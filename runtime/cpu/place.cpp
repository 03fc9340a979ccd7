#include "context.h"
#include "parallel.h"

namespace netrt {

void place_forward(Context&, float* y, const float* x, const PlaceDesc& desc) {
  const int64_t h = desc.h, w = desc.w, c = desc.c, oh = desc.oh, ow = desc.ow;
  // Columns [left, right) of the output show the input; left > right where nothing of it is seen.
  const int64_t left = std::clamp<int64_t>(desc.left, 0, ow);
  const int64_t right = std::max(left, std::min<int64_t>(ow, desc.left + w));
  parallel_for(desc.n * oh, ow * c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* out = y + row * ow * c;
      const int64_t i = row % oh - desc.top;
      if (i < 0 || i >= h) {
        std::fill(out, out + ow * c, 0.0f);
        continue;
      }
      const float* in = x + ((row / oh * h + i) * w + (left - desc.left)) * c;
      std::fill(out, out + left * c, 0.0f);
      std::copy(in, in + (right - left) * c, out + left * c);
      std::fill(out + right * c, out + ow * c, 0.0f);
    }
  });
}

}  // namespace netrt
