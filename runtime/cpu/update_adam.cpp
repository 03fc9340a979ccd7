#include <cmath>

#include "context.h"
#include "parallel.h"

namespace netrt {

// Kingma and Ba, "Adam", 2015; decoupled decay: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
void adam_update(Context& ctx, float* w, float* m, float* v, const float* g, const AdamDesc& desc) {
  const double rate = ctx.run.learning_rate, step = static_cast<double>(ctx.run.step);
  const float size = static_cast<float>(rate / (1.0 - std::pow(static_cast<double>(desc.beta1), step)));
  const float root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(static_cast<double>(desc.beta2), step)));
  const float beta1 = desc.beta1, beta2 = desc.beta2, eps = desc.eps;
  const float decay = desc.decoupled != 0 ? 0.0f : desc.decay;
  const float shrink = desc.decoupled != 0 ? static_cast<float>(1.0 - rate * desc.decay) : 1.0f;
  parallel_for(desc.count, 2, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float gradient = g[i] + decay * w[i];
      const float first = beta1 * m[i] + (1.0f - beta1) * gradient, second = beta2 * v[i] + (1.0f - beta2) * gradient * gradient;
      m[i] = first;
      v[i] = second;
      w[i] = w[i] * shrink - size * first / (std::sqrt(second) * root + eps);
    }
  });
}

}  // namespace netrt
