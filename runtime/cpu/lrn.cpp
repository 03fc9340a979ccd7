#include <cmath>
#include <vector>

#include "context.h"
#include "parallel.h"

namespace netrt {
namespace {

/// base[i] = k + alpha/size * sum of x^2 over the window of channel i: size/2 channels before it, (size-1)/2 after it.
void row_base(float* base, const float* x, const LrnDesc& d) {
  const int64_t before = d.size / 2, after = (d.size - 1) / 2;
  for (int64_t i = 0; i < d.c; ++i) {
    float sum = 0;
    for (int64_t j = std::max<int64_t>(i - before, 0); j <= std::min<int64_t>(i + after, d.c - 1); ++j) sum += x[j] * x[j];
    base[i] = d.k + d.alpha / static_cast<float>(d.size) * sum;
  }
}

/// Memory of this thread for `count` floats; it grows at the first use and stays.
float* thread_floats(size_t count) {
  thread_local std::vector<float> memory;
  if (memory.size() < count) memory.resize(count);
  return memory.data();
}

// dx_j = dy_j base_j^-beta - 2 alpha beta / size * x_j * sum over i with j in i's window of dy_i x_i base_i^(-beta-1).
void backward_row(float* dx, const float* x, const float* dy, const LrnDesc& d, float* base, float* term) {
  const int64_t before = d.size / 2, after = (d.size - 1) / 2;
  row_base(base, x, d);
  for (int64_t i = 0; i < d.c; ++i) {
    const float scale = std::pow(base[i], -d.beta);
    term[i] = dy[i] * x[i] * scale / base[i];
    base[i] = scale;
  }
  const float factor = 2.0f * d.alpha * d.beta / static_cast<float>(d.size);
  for (int64_t j = 0; j < d.c; ++j) {
    float sum = 0;
    for (int64_t i = std::max<int64_t>(j - after, 0); i <= std::min<int64_t>(j + before, d.c - 1); ++i) sum += term[i];
    dx[j] = dy[j] * base[j] - factor * x[j] * sum;
  }
}

}  // namespace

void lrn_forward(Context&, float* y, const float* x, const LrnDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(desc.rows, c * 16, [&](int64_t begin, int64_t end) {
    float* base = thread_floats(static_cast<size_t>(c));
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x + row * c;
      row_base(base, in, desc);
      for (int64_t i = 0; i < c; ++i) y[row * c + i] = in[i] * std::pow(base[i], -desc.beta);
    }
  });
}

void lrn_backward(Context&, float* dx, const float* x, const float* dy, const LrnDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(desc.rows, c * 16, [&](int64_t begin, int64_t end) {
    float* base = thread_floats(static_cast<size_t>(2 * c));
    for (int64_t row = begin; row < end; ++row) backward_row(dx + row * c, x + row * c, dy + row * c, desc, base, base + c);
  });
}

}  // namespace netrt
