#include "context.h"
#include "parallel.h"
#include "window.h"

namespace netrt {
namespace {

/// What the sum over the window at (corner_h, corner_w) is multiplied with; `rows` and `cols` are its part inside the input.
float window_factor(const PoolDesc& d, int64_t corner_h, int64_t corner_w, Range rows, Range cols) {
  if (d.count_pad == 1) return 1.0f / static_cast<float>(int64_t{d.r} * d.s);
  if (d.count_pad == 2) {
    rows = {corner_h, std::min<int64_t>(corner_h + d.r, d.h + d.pad_top)};
    cols = {corner_w, std::min<int64_t>(corner_w + d.s, d.w + d.pad_left)};
  }
  const int64_t covered = std::max<int64_t>(rows.end - rows.begin, 0) * std::max<int64_t>(cols.end - cols.begin, 0);
  return covered > 0 ? 1.0f / static_cast<float>(covered) : 0.0f;
}

void forward_row(float* y, const float* x, const PoolDesc& d, int64_t row) {
  const int64_t corner_h = row % d.oh * d.stride_h - d.pad_top;
  const Range rows = clip_window(corner_h, d.r, d.h);
  const float* image = x + row / d.oh * d.h * d.w * d.c;
  for (int64_t column = 0; column < d.ow; ++column) {
    const int64_t corner_w = column * d.stride_w - d.pad_left;
    const Range cols = clip_window(corner_w, d.s, d.w);
    float* out = y + (row * d.ow + column) * d.c;
    std::fill(out, out + d.c, 0.0f);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      for (int64_t j = cols.begin; j < cols.end; ++j) {
        const float* in = image + (i * d.w + j) * d.c;
#pragma omp simd
        for (int64_t k = 0; k < d.c; ++k) out[k] += in[k];
      }
    }
    const float factor = window_factor(d, corner_h, corner_w, rows, cols);
#pragma omp simd
    for (int64_t k = 0; k < d.c; ++k) out[k] *= factor;
  }
}

void backward_row(float* dx, const float* dy, const PoolDesc& d, int64_t row) {
  const int64_t n = row / d.h, h = row % d.h;
  float* out = dx + row * d.w * d.c;
  std::fill(out, out + int64_t{d.w} * d.c, 0.0f);
  const Range windows = covering_windows(h, d.r, d.stride_h, d.pad_top, d.oh);
  for (int64_t i = windows.begin; i < windows.end; ++i) {
    const int64_t corner_h = i * d.stride_h - d.pad_top;
    const Range rows = clip_window(corner_h, d.r, d.h);
    for (int64_t j = 0; j < d.ow; ++j) {
      const int64_t corner_w = j * d.stride_w - d.pad_left;
      const Range cols = clip_window(corner_w, d.s, d.w);
      const float factor = window_factor(d, corner_h, corner_w, rows, cols);
      const float* from = dy + ((n * d.oh + i) * d.ow + j) * d.c;
      for (int64_t w = cols.begin; w < cols.end; ++w) {
        float* to = out + w * d.c;
#pragma omp simd
        for (int64_t k = 0; k < d.c; ++k) to[k] += from[k] * factor;
      }
    }
  }
}

}  // namespace

void avgpool_forward(Context&, float* y, const float* x, const PoolDesc& desc) {
  parallel_for(int64_t{desc.n} * desc.oh, int64_t{desc.ow} * desc.c * desc.r * desc.s, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) forward_row(y, x, desc, row);
  });
}

void avgpool_backward(Context&, float* dx, const float* dy, const PoolDesc& desc) {
  parallel_for(int64_t{desc.n} * desc.h, int64_t{desc.w} * desc.c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) backward_row(dx, dy, desc, row);
  });
}

}  // namespace netrt
