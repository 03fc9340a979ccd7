#include "context.h"
#include "parallel.h"

namespace netrt {

void channels_copy(Context&, float* y, const float* x, const ChannelsDesc& desc) {
  const int64_t c = desc.c, src_c = desc.src_c, dst_c = desc.dst_c;
  parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x + row * src_c + desc.src_first;
      std::copy(in, in + c, y + row * dst_c + desc.dst_first);
    }
  });
}

void channels_scatter(Context&, float* y, const float* x, const ChannelsDesc& desc) {
  const int64_t c = desc.c, src_c = desc.src_c, dst_c = desc.dst_c, first = desc.dst_first;
  parallel_for(desc.rows, dst_c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x + row * src_c + desc.src_first;
      float* out = y + row * dst_c;
      std::fill(out, out + first, 0.0f);
      std::copy(in, in + c, out + first);
      std::fill(out + first + c, out + dst_c, 0.0f);
    }
  });
}

}  // namespace netrt
