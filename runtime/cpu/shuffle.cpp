#include "context.h"
#include "parallel.h"

namespace netrt {

void shuffle_forward(Context&, float* y, const float* x, const ShuffleDesc& desc) {
  const int64_t c = desc.c, groups = desc.groups, each = c / groups;
  parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x + row * c;
      float* out = y + row * c;
      for (int64_t g = 0; g < groups; ++g) {
        for (int64_t j = 0; j < each; ++j) out[j * groups + g] = in[g * each + j];
      }
    }
  });
}

}  // namespace netrt
