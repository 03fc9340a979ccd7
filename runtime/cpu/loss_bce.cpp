#include <cmath>

#include "../activation_math.h"
#include "loss_elementwise.h"

namespace netrt {
namespace {

/// Binary cross-entropy of the logistic function of x, in the form that cannot overflow: max(x, 0) - x t + log(1 + exp(-|x|)).
ElementLoss bce(float x, float t) {
  const float loss = std::max(x, 0.0f) - x * t + std::log1p(std::exp(-std::abs(x)));
  return {loss, logistic(x) - t, (x > 0.0f) == (t > 0.5f) ? 1.0f : 0.0f};
}

}  // namespace

void loss_bce(Context& ctx, float* dscores, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  elementwise_loss(ctx, dscores, metrics, scores, target, desc, bce);
}

void loss_bce_evaluate(Context& ctx, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  elementwise_loss(ctx, nullptr, metrics, scores, target, desc, bce);
}

}  // namespace netrt
