// What the losses share: the sums over samples in a fixed order, and the division of the mean.
#pragma once

#include <array>

#include "context.h"
#include "parallel.h"

namespace netrt {

/// What a part of the samples adds to the metrics, before division.
struct LossSum {
  double loss = 0, correct = 0;
};

/// Parts of the samples that are summed by themselves: the same for every number of threads.
inline constexpr int64_t loss_parts = 64;

/// Adds up body(begin, end) -> LossSum over `count` items in loss_parts fixed parts. `cost`: elements touched for each item.
template <class Body>
LossSum sum_parts(int64_t count, int64_t cost, const Body& body) {
  std::array<LossSum, loss_parts> parts{};
  parallel_for(loss_parts, count * cost / loss_parts + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) parts[i] = body(count * i / loss_parts, count * (i + 1) / loss_parts);
  });
  LossSum all;
  for (const LossSum& part : parts) {
    all.loss += part.loss;
    all.correct += part.correct;
  }
  return all;
}

/// Samples of this batch that count: ctx.run.valid, which may not exceed the batch.
inline int64_t valid_samples(const Context& ctx, const LossDesc& desc) { return std::clamp<int64_t>(ctx.run.valid, 0, desc.n); }

/// Scores of one sample.
inline int64_t sample_values(const LossDesc& desc) { return int64_t{desc.rows_per_sample} * desc.cols; }

/// Adds to the metrics; `each`: items that a sample's mean is taken over.
inline void add_metrics(Metrics* metrics, const LossSum& sum, int64_t each, int64_t valid) {
  metrics->loss_sum += sum.loss / static_cast<double>(each);
  metrics->correct += sum.correct / static_cast<double>(each);
  metrics->samples += static_cast<double>(valid);
}

/// Sets the gradient of the samples that do not count to 0.
inline void clear_rest(float* dscores, const LossDesc& desc, int64_t valid) {
  std::fill(dscores + valid * sample_values(desc), dscores + desc.n * sample_values(desc), 0.0f);
}

}  // namespace netrt
