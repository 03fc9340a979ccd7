#include <cmath>

#include "context.h"
#include "parallel.h"

namespace netrt {

void rmsprop_update(Context& ctx, float* w, float* v, float* m_or_null, const float* g, const RmspropDesc& desc) {
  const float rate = ctx.run.learning_rate, keep = desc.keep, eps = desc.eps, momentum = desc.momentum, decay = desc.decay;
  parallel_for(desc.count, 2, [&](int64_t begin, int64_t end) {
    if (m_or_null == nullptr) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) {
        const float gradient = g[i] + decay * w[i];
        v[i] = keep * v[i] + (1.0f - keep) * gradient * gradient;
        w[i] -= rate * gradient / (std::sqrt(v[i]) + eps);
      }
      return;
    }
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float gradient = g[i] + decay * w[i];
      v[i] = keep * v[i] + (1.0f - keep) * gradient * gradient;
      m_or_null[i] = momentum * m_or_null[i] + gradient / (std::sqrt(v[i]) + eps);
      w[i] -= rate * m_or_null[i];
    }
  });
}

}  // namespace netrt
