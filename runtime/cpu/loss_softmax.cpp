#include <cmath>

#include "../elementary.h"
#include "loss.h"

namespace netrt {
namespace {

/// A label outside [0, cols) ends the program: it would read other memory.
void check_labels(const int32_t* label, int64_t rows, const LossDesc& desc) {
  for (int64_t row = 0; row < rows; ++row) {
    if (label[row] >= 0 && label[row] < desc.cols) continue;
    fail("label " + std::to_string(label[row]) + " of row " + std::to_string(row) + " of the batch is not a class: there are " +
         std::to_string(desc.cols) + " (0 to " + std::to_string(desc.cols - 1) + ")");
  }
}

/// The sum of e^(x - highest), in double; the terms are kept in `terms` unless that is null, and may take the scores' place.
double exponentials(float* terms_or_null, const float* x, float highest, int64_t cols) {
  double sum = 0;
  if (terms_or_null == nullptr) {
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < cols; ++j) sum += static_cast<double>(vector_exp(x[j] - highest));
  } else {
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < cols; ++j) {
      const float e = vector_exp(x[j] - highest);
      terms_or_null[j] = e;
      sum += static_cast<double>(e);
    }
  }
  return sum;
}

/// One row: PyTorch's CrossEntropyLoss with label_smoothing. gradient (of the row's own loss, times `factor`) may be the scores, or null.
LossSum softmax_row(float* gradient_or_null, const float* x, int64_t label, const LossDesc& desc, float factor) {
  const int64_t cols = desc.cols;
  const float smooth = desc.smooth, at_label = x[label];
  float highest = x[0];
  double scores = 0;
#pragma omp simd reduction(max : highest)
  for (int64_t j = 0; j < cols; ++j) highest = std::max(highest, x[j]);
  if (smooth > 0) {
#pragma omp simd reduction(+ : scores)
    for (int64_t j = 0; j < cols; ++j) scores += static_cast<double>(x[j]);
  }
  const bool correct = at_label == highest && std::find(x, x + label, highest) == x + label;  // the first of equals is what was answered
  const double sum = exponentials(gradient_or_null, x, highest, cols), log_sum = highest + std::log(sum);
  if (gradient_or_null != nullptr) {
    const float scale = static_cast<float>(1.0 / sum), even = smooth / static_cast<float>(cols);
#pragma omp simd
    for (int64_t j = 0; j < cols; ++j) gradient_or_null[j] = (gradient_or_null[j] * scale - even) * factor;
    gradient_or_null[label] -= (1.0f - smooth) * factor;
  }
  const double loss = (1.0 - smooth) * (log_sum - at_label) + smooth * (log_sum - scores / static_cast<double>(cols));
  return {loss, correct ? 1.0 : 0.0};
}

void run(Context& ctx, float* gradient_or_null, Metrics* metrics, const float* scores, const int32_t* label, const LossDesc& desc) {
  const int64_t valid = valid_samples(ctx, desc), rows = valid * desc.rows_per_sample;
  check_labels(label, rows, desc);
  const float factor = rows == 0 ? 0.0f : static_cast<float>(1.0 / (static_cast<double>(rows) * desc.micro_steps));
  const LossSum sum = sum_parts(rows, int64_t{desc.cols} * 8, [&](int64_t begin, int64_t end) {
    LossSum part;
    for (int64_t row = begin; row < end; ++row) {
      float* gradient = gradient_or_null == nullptr ? nullptr : gradient_or_null + row * desc.cols;
      const LossSum one = softmax_row(gradient, scores + row * desc.cols, label[row], desc, factor);
      part.loss += one.loss;
      part.correct += one.correct;
    }
    return part;
  });
  add_metrics(metrics, sum, desc.rows_per_sample, valid);
  if (gradient_or_null != nullptr) clear_rest(gradient_or_null, desc, valid);
}

}  // namespace

void loss_softmax(Context& ctx, float* dscores, Metrics* metrics, const float* scores, const int32_t* label, const LossDesc& desc) {
  run(ctx, dscores, metrics, scores, label, desc);
}

void loss_softmax_evaluate(Context& ctx, Metrics* metrics, const float* scores, const int32_t* label, const LossDesc& desc) {
  run(ctx, nullptr, metrics, scores, label, desc);
}

}  // namespace netrt
