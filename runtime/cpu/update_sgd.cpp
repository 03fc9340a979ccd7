#include "context.h"
#include "parallel.h"

namespace netrt {

void sgd_update(Context& ctx, float* w, float* m_or_null, const float* g, const SgdDesc& desc) {
  const float rate = ctx.run.learning_rate, momentum = desc.momentum, decay = desc.decay;
  const bool nesterov = desc.nesterov != 0;
  parallel_for(desc.count, 1, [&](int64_t begin, int64_t end) {
    if (m_or_null == nullptr) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) w[i] -= rate * (g[i] + decay * w[i]);
      return;
    }
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float gradient = g[i] + decay * w[i], m = momentum * m_or_null[i] + gradient;
      m_or_null[i] = m;
      w[i] -= rate * (nesterov ? gradient + momentum * m : m);
    }
  });
}

}  // namespace netrt
