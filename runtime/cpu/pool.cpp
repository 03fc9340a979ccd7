#include "context.h"
#include "parallel.h"
#include "window.h"

namespace netrt {
namespace {

/// Channels whose maxima are searched together: they and their positions stay in the first-level cache.
constexpr int64_t channel_block = 128;

/// The maxima over the window (h0, h1) x (w0, w1) of `width` channels; `position` counts in the whole window, from its corner.
void window_maximum(float* best, int32_t* position, const float* x, const PoolDesc& d, Range rows, Range cols, int64_t corner_h, int64_t corner_w,
                    int64_t width) {
  bool first = true;
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    for (int64_t j = cols.begin; j < cols.end; ++j) {
      const float* in = x + (i * d.w + j) * d.c;
      const int32_t here = static_cast<int32_t>((i - corner_h) * d.s + (j - corner_w));
      if (first) {
        std::copy(in, in + width, best);
        std::fill(position, position + width, here);
        first = false;
        continue;
      }
#pragma omp simd
      for (int64_t k = 0; k < width; ++k) {
        const bool better = (in[k] > best[k]) | (in[k] != in[k]);  // a NaN wins, so that a diverged network shows
        best[k] = better ? in[k] : best[k];
        position[k] = better ? here : position[k];
      }
    }
  }
  if (first) {  // a window that lies outside the input altogether
    std::fill(best, best + width, 0.0f);
    std::fill(position, position + width, 0);
  }
}

template <class Index>
void store_index(Index* index, const int32_t* position, int64_t width) {
#pragma omp simd
  for (int64_t k = 0; k < width; ++k) index[k] = static_cast<Index>(position[k]);
}

void forward_row(float* y, void* index_or_null, const float* x, const PoolDesc& d, int64_t row) {
  const int64_t n = row / d.oh, corner_h = row % d.oh * d.stride_h - d.pad_top;
  const Range rows = clip_window(corner_h, d.r, d.h);
  const float* image = x + n * d.h * d.w * d.c;
  float best[channel_block];
  int32_t position[channel_block];
  for (int64_t column = 0; column < d.ow; ++column) {
    const int64_t corner_w = column * d.stride_w - d.pad_left;
    const Range cols = clip_window(corner_w, d.s, d.w);
    const int64_t at = (row * d.ow + column) * d.c;
    for (int64_t first = 0; first < d.c; first += channel_block) {
      const int64_t width = std::min<int64_t>(channel_block, d.c - first);
      window_maximum(best, position, image + first, d, rows, cols, corner_h, corner_w, width);
      std::copy(best, best + width, y + at + first);
      if (index_or_null == nullptr) continue;
      if (d.index_bytes == 1) store_index(static_cast<uint8_t*>(index_or_null) + at + first, position, width);
      else store_index(static_cast<uint16_t*>(index_or_null) + at + first, position, width);
    }
  }
}

/// Gathers one row of dx: each window that covers it gives its gradient where the index names this very place.
template <class Index>
void backward_row(float* dx, const float* dy, const Index* index, const PoolDesc& d, int64_t row) {
  const int64_t n = row / d.h, h = row % d.h;
  float* out = dx + row * d.w * d.c;
  std::fill(out, out + int64_t{d.w} * d.c, 0.0f);
  const Range windows = covering_windows(h, d.r, d.stride_h, d.pad_top, d.oh);
  for (int64_t i = windows.begin; i < windows.end; ++i) {
    const int64_t position_row = (h + d.pad_top - i * d.stride_h) * d.s;
    for (int64_t j = 0; j < d.ow; ++j) {
      const int64_t corner = j * d.stride_w - d.pad_left, at = ((n * d.oh + i) * d.ow + j) * d.c;
      const Range cols = clip_window(corner, d.s, d.w);
      for (int64_t w = cols.begin; w < cols.end; ++w) {
        const Index here = static_cast<Index>(position_row + w - corner);
        float* to = out + w * d.c;
        const float* from = dy + at;
        const Index* positions = index + at;
#pragma omp simd
        for (int64_t k = 0; k < d.c; ++k) to[k] += positions[k] == here ? from[k] : 0.0f;
      }
    }
  }
}

}  // namespace

void pool_forward(Context&, float* y, void* index_or_null, const float* x, const PoolDesc& desc) {
  parallel_for(int64_t{desc.n} * desc.oh, int64_t{desc.ow} * desc.c * desc.r * desc.s, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) forward_row(y, index_or_null, x, desc, row);
  });
}

void pool_backward(Context&, float* dx, const float* dy, const void* index, const PoolDesc& desc) {
  parallel_for(int64_t{desc.n} * desc.h, int64_t{desc.w} * desc.c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (desc.index_bytes == 1) backward_row(dx, dy, static_cast<const uint8_t*>(index), desc, row);
      else backward_row(dx, dy, static_cast<const uint16_t*>(index), desc, row);
    }
  });
}

}  // namespace netrt
