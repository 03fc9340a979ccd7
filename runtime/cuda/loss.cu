#include <cmath>

#include "launch.h"
#include "softmax_row.h"

namespace netrt {
namespace {

// Every block leaves its sums here; then one block adds them in order. Kernels of a stream run one after the other, so one array serves all.
constexpr int kLossBlocks = 1024;
__device__ double loss_parts[kLossBlocks], correct_parts[kLossBlocks];

__device__ void leave_parts(double loss, double correct) {
  const double loss_total = block_sum(loss), correct_total = block_sum(correct);
  if (threadIdx.x != 0) return;
  loss_parts[blockIdx.x] = loss_total;
  correct_parts[blockIdx.x] = correct_total;
}

__global__ void __launch_bounds__(kThreads) metrics_kernel(Metrics* metrics, int32_t blocks, double share, double samples) {
  double loss = 0, correct = 0;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < blocks; i += kThreads) {
    loss += loss_parts[i];
    correct += correct_parts[i];
  }
  loss = block_sum(loss);
  correct = block_sum(correct);
  if (threadIdx.x != 0) return;
  metrics->loss_sum += loss * share;
  metrics->correct += correct * share;
  metrics->samples += samples;
}

// The first of the highest scores of a row, the same in every lane.
__device__ int32_t highest_column(const float* x, int32_t cols) {
  float best = -INFINITY;
  int32_t at = INT32_MAX;
  for (int32_t j = warp_lane(); j < cols; j += 32) {
    if (x[j] > best || at == INT32_MAX) {
      best = x[j];
      at = j;
    }
  }
  for (int offset = 16; offset > 0; offset /= 2) {
    const float other = __shfl_xor_sync(0xffffffffu, best, offset);
    const int32_t other_at = __shfl_xor_sync(0xffffffffu, at, offset);
    if (other > best || (other == best && other_at < at)) {
      best = other;
      at = other_at;
    }
  }
  return at;
}

// One warp a row. Target: 1 - smooth for the label, plus smooth / cols for every column (PyTorch's label_smoothing).
// dscores may be scores, or null where only the metrics are wanted.
__global__ void __launch_bounds__(kThreads) softmax_kernel(float* dscores, const float* scores, const int32_t* label, LossDesc d, int64_t counted,
                                                           float scale) {
  double loss_sum = 0, correct_sum = 0;
  const int64_t rows = int64_t{d.n} * d.rows_per_sample;
  const float off = d.smooth / static_cast<float>(d.cols), on = 1.0f - d.smooth;
  for (int64_t row = first_row(); row < rows; row += row_step()) {
    const float* x = scores + row * d.cols;
    float* dx = dscores == nullptr ? nullptr : dscores + row * d.cols;
    if (row >= counted) {
      for (int32_t j = warp_lane(); dx != nullptr && j < d.cols; j += 32) dx[j] = 0.0f;
      continue;
    }
    const int32_t truth = label[row];
    const SoftmaxRow s = softmax_row(x, d.cols);
    const float log_sum = logf(s.sum);
    const int32_t guess = highest_column(x, d.cols);
    float loss = 0;
    for (int32_t j = warp_lane(); j < d.cols; j += 32) {
      const float shifted = x[j] - s.highest, target = off + (j == truth ? on : 0.0f);
      if (target != 0.0f) loss += target * (log_sum - shifted);
      if (dx != nullptr) dx[j] = (expf(shifted) / s.sum - target) * scale;
    }
    loss = warp_sum(loss);
    if (warp_lane() == 0) {
      loss_sum += static_cast<double>(loss);
      correct_sum += guess == truth ? 1.0 : 0.0;
    }
  }
  leave_parts(loss_sum, correct_sum);
}

enum class Elementwise { bce, mse };

// One thread an element. bce takes scores before the sigmoid: max(x, 0) - x t + log(1 + exp(-|x|)).
template <Elementwise kind>
__global__ void __launch_bounds__(kThreads) elementwise_kernel(float* dscores, const float* scores, const float* target, int64_t count,
                                                               int64_t counted, float scale) {
  double loss_sum = 0, correct_sum = 0;
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
    if (i >= counted) {
      if (dscores != nullptr) dscores[i] = 0.0f;
      continue;
    }
    const float x = scores[i], t = target[i];
    float slope = 0;
    if (kind == Elementwise::bce) {
      const float e = expf(-fabsf(x));
      loss_sum += static_cast<double>(fmaxf(x, 0.0f) - x * t + log1pf(e));
      correct_sum += (x > 0.0f) == (t > 0.5f) ? 1.0 : 0.0;
      slope = (x < 0.0f ? e : 1.0f) / (1.0f + e) - t;
    } else {
      loss_sum += static_cast<double>((x - t) * (x - t));
      slope = 2.0f * (x - t);
    }
    if (dscores != nullptr) dscores[i] = slope * scale;
  }
  leave_parts(loss_sum, correct_sum);
}

int64_t valid_samples(const Context& ctx, const LossDesc& d) { return std::clamp<int64_t>(ctx.run.valid, 0, d.n); }

// 1 over the number of terms of the mean, and over the micro-steps.
float gradient_scale(int64_t counted, const LossDesc& d) {
  return counted == 0 ? 0.0f : static_cast<float>(1.0 / (static_cast<double>(counted) * d.micro_steps));
}

// `share`: what one row or element is of its sample.
void add_metrics(Context& ctx, Metrics* metrics, unsigned blocks, double share, const LossDesc& d, const char* kernel) {
  metrics_kernel<<<1, kThreads, 0, ctx.stream>>>(metrics, static_cast<int32_t>(blocks), share, static_cast<double>(valid_samples(ctx, d)));
  check_launch(kernel, d);
}

void run_softmax(Context& ctx, const char* kernel, float* dscores, Metrics* metrics, const float* scores, const int32_t* label, const LossDesc& d) {
  const unsigned blocks = std::max(1u, row_blocks(int64_t{d.n} * d.rows_per_sample, kLossBlocks));
  const int64_t counted = valid_samples(ctx, d) * d.rows_per_sample;
  softmax_kernel<<<blocks, kThreads, 0, ctx.stream>>>(dscores, scores, label, d, counted, gradient_scale(counted, d));
  add_metrics(ctx, metrics, blocks, 1.0 / d.rows_per_sample, d, kernel);
}

template <Elementwise kind>
void run_elementwise(Context& ctx, const char* kernel, float* dscores, Metrics* metrics, const float* scores, const float* target,
                     const LossDesc& d) {
  const int64_t each = int64_t{d.rows_per_sample} * d.cols, count = each * d.n, counted = each * valid_samples(ctx, d);
  const unsigned blocks = static_cast<unsigned>(std::clamp<int64_t>(divide_up(count, kThreads), 1, kLossBlocks));
  elementwise_kernel<kind><<<blocks, kThreads, 0, ctx.stream>>>(dscores, scores, target, count, counted, gradient_scale(counted, d));
  add_metrics(ctx, metrics, blocks, 1.0 / static_cast<double>(each), d, kernel);
}

}  // namespace

void loss_softmax(Context& ctx, float* dscores, Metrics* metrics, const float* scores, const int32_t* label, const LossDesc& desc) {
  run_softmax(ctx, "loss_softmax", dscores, metrics, scores, label, desc);
}

void loss_bce(Context& ctx, float* dscores, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  run_elementwise<Elementwise::bce>(ctx, "loss_bce", dscores, metrics, scores, target, desc);
}

void loss_mse(Context& ctx, float* dscores, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  run_elementwise<Elementwise::mse>(ctx, "loss_mse", dscores, metrics, scores, target, desc);
}

void loss_softmax_evaluate(Context& ctx, Metrics* metrics, const float* scores, const int32_t* label, const LossDesc& desc) {
  run_softmax(ctx, "loss_softmax_evaluate", nullptr, metrics, scores, label, desc);
}

void loss_bce_evaluate(Context& ctx, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  run_elementwise<Elementwise::bce>(ctx, "loss_bce_evaluate", nullptr, metrics, scores, target, desc);
}

void loss_mse_evaluate(Context& ctx, Metrics* metrics, const float* scores, const float* target, const LossDesc& desc) {
  run_elementwise<Elementwise::mse>(ctx, "loss_mse_evaluate", nullptr, metrics, scores, target, desc);
}

}  // namespace netrt
