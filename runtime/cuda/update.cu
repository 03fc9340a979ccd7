#include <cmath>

#include "launch.h"

namespace netrt {
namespace {

struct Sgd {
  float* w;
  float* m;  // or null
  const float* g;
  SgdDesc d;
  float rate;
  template <int V>
  __device__ void run(int64_t i) const {
    Pack<V> weight = load<V>(w + i), gradient = load<V>(g + i), momentum{};
    if (m != nullptr) momentum = load<V>(m + i);
    for (int j = 0; j < V; ++j) {
      float step = gradient.v[j] + d.decay * weight.v[j];
      if (m != nullptr) {
        momentum.v[j] = d.momentum * momentum.v[j] + step;
        step = d.nesterov != 0 ? step + d.momentum * momentum.v[j] : momentum.v[j];
      }
      weight.v[j] -= rate * step;
    }
    if (m != nullptr) store<V>(m + i, momentum);
    store<V>(w + i, weight);
  }
};

struct Adam {
  float* w;
  float* m;
  float* v;
  const float* g;
  AdamDesc d;
  float rate, step_size, root_correction;  // rate / (1 - beta1^step), sqrt(1 - beta2^step)
  template <int V>
  __device__ void run(int64_t i) const {
    Pack<V> weight = load<V>(w + i), first = load<V>(m + i), second = load<V>(v + i);
    const Pack<V> gradient = load<V>(g + i);
    for (int j = 0; j < V; ++j) {
      float here = gradient.v[j];
      if (d.decoupled != 0) {
        weight.v[j] *= 1.0f - rate * d.decay;
      } else {
        here += d.decay * weight.v[j];
      }
      first.v[j] = d.beta1 * first.v[j] + (1.0f - d.beta1) * here;
      second.v[j] = d.beta2 * second.v[j] + (1.0f - d.beta2) * here * here;
      weight.v[j] -= step_size * first.v[j] / (sqrtf(second.v[j]) / root_correction + d.eps);
    }
    store<V>(m + i, first);
    store<V>(v + i, second);
    store<V>(w + i, weight);
  }
};

struct Rmsprop {
  float* w;
  float* v;
  float* m;  // or null
  const float* g;
  RmspropDesc d;
  float rate;
  template <int V>
  __device__ void run(int64_t i) const {
    Pack<V> weight = load<V>(w + i), square = load<V>(v + i), momentum{};
    const Pack<V> gradient = load<V>(g + i);
    if (m != nullptr) momentum = load<V>(m + i);
    for (int j = 0; j < V; ++j) {
      const float here = gradient.v[j] + d.decay * weight.v[j];
      square.v[j] = d.keep * square.v[j] + (1.0f - d.keep) * here * here;
      float step = here / (sqrtf(square.v[j]) + d.eps);
      if (m != nullptr) step = momentum.v[j] = d.momentum * momentum.v[j] + step;
      weight.v[j] -= rate * step;
    }
    if (m != nullptr) store<V>(m + i, momentum);
    store<V>(v + i, square);
    store<V>(w + i, weight);
  }
};

}  // namespace

void sgd_update(Context& ctx, float* w, float* m_or_null, const float* g, const SgdDesc& desc) {
  launch_each(ctx, desc.count, vectorizable(4, w, m_or_null, g), Sgd{w, m_or_null, g, desc, ctx.run.learning_rate});
  check_launch("sgd_update", desc);
}

void adam_update(Context& ctx, float* w, float* m, float* v, const float* g, const AdamDesc& desc) {
  const double step = static_cast<double>(ctx.run.step), rate = static_cast<double>(ctx.run.learning_rate);
  const float step_size = static_cast<float>(rate / (1.0 - std::pow(static_cast<double>(desc.beta1), step)));
  const float root_correction = static_cast<float>(std::sqrt(1.0 - std::pow(static_cast<double>(desc.beta2), step)));
  launch_each(ctx, desc.count, vectorizable(4, w, m, v, g), Adam{w, m, v, g, desc, ctx.run.learning_rate, step_size, root_correction});
  check_launch("adam_update", desc);
}

void rmsprop_update(Context& ctx, float* w, float* v, float* m_or_null, const float* g, const RmspropDesc& desc) {
  launch_each(ctx, desc.count, vectorizable(4, w, v, m_or_null, g), Rmsprop{w, v, m_or_null, g, desc, ctx.run.learning_rate});
  check_launch("rmsprop_update", desc);
}

}  // namespace netrt
