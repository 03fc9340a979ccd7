// The losses that are a mean over all elements (bce, mse) differ only in the formula of one element.
#pragma once

#include "loss.h"

namespace netrt {

/// Loss, its derivative and correctness of one element.
struct ElementLoss {
  float loss, slope, correct;
};

/// formula(score, target) -> ElementLoss. dscores may be the scores, or null.
template <class Formula>
void elementwise_loss(Context& ctx, float* dscores_or_null, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc,
                      const Formula& formula) {
  const int64_t valid = valid_samples(ctx, desc), count = valid * sample_values(desc);
  const float factor = count == 0 ? 0.0f : static_cast<float>(1.0 / (static_cast<double>(count) * desc.micro_steps));
  const LossSum sum = sum_parts(count, 8, [&](int64_t begin, int64_t end) {
    double loss = 0, correct = 0;
    for (int64_t i = begin; i < end; ++i) {
      const ElementLoss one = formula(scores[i], target[i]);
      loss += one.loss;
      correct += one.correct;
      if (dscores_or_null != nullptr) dscores_or_null[i] = one.slope * factor;
    }
    return LossSum{loss, correct};
  });
  add_metrics(metrics, sum, sample_values(desc), valid);
  if (dscores_or_null != nullptr) clear_rest(dscores_or_null, desc, valid);
}

}  // namespace netrt
