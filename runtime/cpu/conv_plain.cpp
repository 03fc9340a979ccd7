#include "conv_plain.h"

#include "parallel.h"

namespace netrt {
namespace {

/// Calls body(x offset, w offset) for each filter position whose input pixel exists, for output pixel (n, i, j), at filter 0 and group 0.
template <class Body>
void for_taps(const ConvDesc& d, int64_t n, int64_t i, int64_t j, const Body& body) {
  const int64_t each = d.c / d.groups;
  for (int64_t r = 0; r < d.r; ++r) {
    const int64_t h = i * d.stride_h - d.pad_top + r * d.dilation_h;
    if (h < 0 || h >= d.h) continue;
    for (int64_t s = 0; s < d.s; ++s) {
      const int64_t w = j * d.stride_w - d.pad_left + s * d.dilation_w;
      if (w >= 0 && w < d.w) body(((n * d.h + h) * d.w + w) * d.c, (r * d.s + s) * each);
    }
  }
}

float dot(const float* a, const float* b, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void add_scaled(float* to, const float* from, float factor, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

int64_t filter_values(const ConvDesc& d) { return int64_t{d.r} * d.s * (d.c / d.groups); }

}  // namespace

void plain_conv_forward(float* y, const float* x, const float* w, const ConvDesc& d) {
  const int64_t each = d.c / d.groups, filters = d.k / d.groups, filter = filter_values(d);
  parallel_for(int64_t{d.n} * d.oh, int64_t{d.ow} * d.k * filter, [&](int64_t begin, int64_t end) {
    for (int64_t pixel = begin * d.ow; pixel < end * d.ow; ++pixel) {
      float* out = y + pixel * d.k;
      std::fill(out, out + d.k, 0.0f);
      for_taps(d, pixel / d.ow / d.oh, pixel / d.ow % d.oh, pixel % d.ow, [&](int64_t in, int64_t tap) {
        for (int64_t k = 0; k < d.k; ++k) out[k] += dot(x + in + k / filters * each, w + k * filter + tap, each);
      });
    }
  });
}

// Each thread takes whole samples, so that no two of them add to the same place.
void plain_conv_backward_data(float* dx, const float* dy, const float* w, const ConvDesc& d) {
  const int64_t each = d.c / d.groups, filters = d.k / d.groups, filter = filter_values(d);
  const int64_t sample = int64_t{d.h} * d.w * d.c;
  parallel_for(d.n, sample * d.r * d.s, [&](int64_t begin, int64_t end) {
    std::fill(dx + begin * sample, dx + end * sample, 0.0f);
    for (int64_t row = begin * d.oh; row < end * d.oh; ++row) {
      for (int64_t j = 0; j < d.ow; ++j) {
        const float* gradient = dy + (row * d.ow + j) * d.k;
        for_taps(d, row / d.oh, row % d.oh, j, [&](int64_t in, int64_t tap) {
          for (int64_t k = 0; k < d.k; ++k) add_scaled(dx + in + k / filters * each, w + k * filter + tap, gradient[k], each);
        });
      }
    }
  });
}

// Each thread takes some filters and goes through all pixels in order.
void plain_conv_backward_weights(float* dw, const float* x, const float* dy, const ConvDesc& d) {
  const int64_t each = d.c / d.groups, filters = d.k / d.groups, filter = filter_values(d);
  const int64_t rows = int64_t{d.n} * d.oh;
  parallel_for(d.k, rows * d.ow * filter, [&](int64_t begin, int64_t end) {
    std::fill(dw + begin * filter, dw + end * filter, 0.0f);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t j = 0; j < d.ow; ++j) {
        const float* gradient = dy + (row * d.ow + j) * d.k;
        for_taps(d, row / d.oh, row % d.oh, j, [&](int64_t in, int64_t tap) {
          for (int64_t k = begin; k < end; ++k) add_scaled(dw + k * filter + tap, x + in + k / filters * each, gradient[k], each);
        });
      }
    }
  });
}

}  // namespace netrt
