#include <algorithm>

#include "context.h"
#include "parallel.h"

namespace netrt {

void embed_forward(Context&, float* y, const int32_t* ids, const float* w, const EmbedDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) std::copy_n(w + ids[row] * c, c, y + row * c);
  });
}

/// Each thread has channels of its own, so that every vector's rows are added in their order.
void embed_backward(Context&, float* dw, const int32_t* ids, const float* dy, const EmbedDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(c, desc.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < desc.rows; ++row) {
      float* sum = dw + ids[row] * c;
      const float* from = dy + row * c;
#pragma omp simd
      for (int64_t j = begin; j < end; ++j) sum[j] += from[j];
    }
  });
}

}  // namespace netrt
