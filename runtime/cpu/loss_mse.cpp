#include "loss_elementwise.h"

namespace netrt {
namespace {

ElementLoss mse(float x, float t) { return {(x - t) * (x - t), 2.0f * (x - t), 0.0f}; }

}  // namespace

void loss_mse(Context& ctx, float* dscores, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  elementwise_loss(ctx, dscores, metrics, scores, target, desc, mse);
}

void loss_mse_evaluate(Context& ctx, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  elementwise_loss(ctx, nullptr, metrics, scores, target, desc, mse);
}

}  // namespace netrt
