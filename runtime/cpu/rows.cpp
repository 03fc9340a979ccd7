#include "rows.h"

namespace netrt {
namespace {

/// Columns summed at once: their sums stay in registers and the first-level cache.
constexpr int64_t column_block = 64;

/// sum[0, width) = sum over rows of x[row * c, ...), width <= column_block.
void sum_block(float* sum, const float* x, int64_t rows, int64_t c, int64_t width) {
  float part[column_block] = {};
  for (int64_t row = 0; row < rows; ++row) {
    const float* in = x + row * c;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) part[j] += in[j];
  }
  std::copy(part, part + width, sum);
}

}  // namespace

void bias_activation(float* y, const float* b_or_null, int64_t rows, int64_t c, Activation activation, float alpha) {
  if (b_or_null == nullptr && activation == Activation::none) return;
  with_activation(activation, [&](auto which) {
    parallel_for(rows, c, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float* out = y + row * c;
        if (b_or_null == nullptr) {
#pragma omp simd
          for (int64_t j = 0; j < c; ++j) out[j] = activation_value(which.value, alpha, out[j]);
        } else {
#pragma omp simd
          for (int64_t j = 0; j < c; ++j) out[j] = activation_value(which.value, alpha, out[j] + b_or_null[j]);
        }
      }
    });
  });
}

void column_sum(float* sum, const float* x, int64_t rows, int64_t c) {
  const int64_t blocks = (c + column_block - 1) / column_block;
  parallel_for(blocks, rows * column_block, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * column_block;
      sum_block(sum + first, x + first, rows, c, std::min(column_block, c - first));
    }
  });
}

}  // namespace netrt
