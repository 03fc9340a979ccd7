#include "drop_mask.h"
#include "parallel.h"

namespace netrt {

void drop_forward(Context& ctx, float* y, const float* x, const DropDesc& desc) {
  constexpr int64_t piece = 1024;
  const DropMask mask(ctx, desc.p, desc.stream);
  parallel_for((desc.count + piece - 1) / piece, 4 * piece, [&](int64_t begin, int64_t end) {
    float factors[piece];
    for (int64_t first = begin * piece; first < std::min(end * piece, desc.count); first += piece) {
      const int64_t here = std::min(piece, desc.count - first);
      mask.factors(factors, first, here);
#pragma omp simd
      for (int64_t i = 0; i < here; ++i) y[first + i] = x[first + i] * factors[i];
    }
  });
}

}  // namespace netrt
