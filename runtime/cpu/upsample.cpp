#include "context.h"
#include "parallel.h"

namespace netrt {
namespace {

/// A row or column of the output as two of the input: (1 - part) * low + part * high.
struct Mix {
  int64_t low, high;
  float part;
};

/// PyTorch's align_corners=False: the middle of output pixel `at` lies at (at + 0.5) / factor - 0.5, not below 0.
Mix mix(int64_t at, const UpsampleDesc& d, int64_t size) {
  if (d.bilinear == 0) return {at / d.factor, at / d.factor, 0.0f};
  const float place = std::max((static_cast<float>(at) + 0.5f) / static_cast<float>(d.factor) - 0.5f, 0.0f);
  const int64_t low = std::min(static_cast<int64_t>(place), size - 1);
  return {low, std::min(low + 1, size - 1), place - static_cast<float>(low)};
}

/// How much of input place `from` output place `at` holds.
float share(const Mix& m, int64_t from) { return (m.low == from ? 1.0f - m.part : 0.0f) + (m.high == from ? m.part : 0.0f); }

void forward_row(float* y, const float* x, const UpsampleDesc& d, int64_t row) {
  const int64_t oh = int64_t{d.h} * d.factor, ow = int64_t{d.w} * d.factor, c = d.c;
  const Mix v = mix(row % oh, d, d.h);
  const float* image = x + row / oh * d.h * d.w * c;
  for (int64_t column = 0; column < ow; ++column) {
    const Mix u = mix(column, d, d.w);
    float* out = y + (row * ow + column) * c;
    const float *a = image + (v.low * d.w + u.low) * c, *b = image + (v.low * d.w + u.high) * c;
    const float *e = image + (v.high * d.w + u.low) * c, *f = image + (v.high * d.w + u.high) * c;
    if (d.bilinear == 0) {
      std::copy(a, a + c, out);
      continue;
    }
#pragma omp simd
    for (int64_t k = 0; k < c; ++k) {
      out[k] = (1.0f - v.part) * ((1.0f - u.part) * a[k] + u.part * b[k]) + v.part * ((1.0f - u.part) * e[k] + u.part * f[k]);
    }
  }
}

/// Gathers one row of dx from the output rows and columns that hold something of it.
void backward_row(float* dx, const float* dy, const UpsampleDesc& d, int64_t row) {
  const int64_t oh = int64_t{d.h} * d.factor, ow = int64_t{d.w} * d.factor, c = d.c, h = row % d.h;
  const int64_t reach = d.bilinear != 0 ? 1 : 0;
  for (int64_t w = 0; w < d.w; ++w) {
    float* out = dx + (row * d.w + w) * c;
    std::fill(out, out + c, 0.0f);
    for (int64_t i = std::max<int64_t>((h - reach) * d.factor, 0); i < std::min((h + 1 + reach) * d.factor, oh); ++i) {
      const float vertical = share(mix(i, d, d.h), h);
      if (vertical == 0.0f) continue;
      for (int64_t j = std::max<int64_t>((w - reach) * d.factor, 0); j < std::min((w + 1 + reach) * d.factor, ow); ++j) {
        const float part = vertical * share(mix(j, d, d.w), w);
        if (part == 0.0f) continue;
        const float* from = dy + ((row / d.h * oh + i) * ow + j) * c;
#pragma omp simd
        for (int64_t k = 0; k < c; ++k) out[k] += part * from[k];
      }
    }
  }
}

}  // namespace

void upsample_forward(Context&, float* y, const float* x, const UpsampleDesc& desc) {
  const int64_t factor = desc.factor;
  parallel_for(desc.n * desc.h * factor, desc.w * factor * desc.c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) forward_row(y, x, desc, row);
  });
}

void upsample_backward(Context&, float* dx, const float* dy, const UpsampleDesc& desc) {
  const int64_t area = int64_t{desc.factor} * desc.factor;
  parallel_for(int64_t{desc.n} * desc.h, desc.w * area * desc.c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) backward_row(dx, dy, desc, row);
  });
}

}  // namespace netrt
