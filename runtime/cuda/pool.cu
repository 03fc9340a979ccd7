#include <cmath>

#include "launch.h"

namespace netrt {
namespace {

template <class Index, int V>
struct alignas(V * sizeof(Index)) Indices {
  Index v[V];
};

// The first of equal values wins, and a NaN, so that a diverged network shows. Index is uint8_t or uint16_t.
template <class Index>
struct Forward {
  float* y;
  Index* index;
  const float* x;
  PoolDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t oj = pixel % d.ow, oi = pixel / d.ow % d.oh, n = pixel / d.ow / d.oh;
    const int32_t corner_h = oi * d.stride_h - d.pad_top, corner_w = oj * d.stride_w - d.pad_left;
    Pack<V> best{};
    Indices<Index, V> where{};
    bool first = true;
    for (int32_t i = max(corner_h, 0); i < min(corner_h + d.r, d.h); ++i) {
      for (int32_t j = max(corner_w, 0); j < min(corner_w + d.s, d.w); ++j) {
        const Pack<V> p = load<V>(x + ((int64_t{n} * d.h + i) * d.w + j) * d.c + channel);
        const Index position = static_cast<Index>((i - corner_h) * d.s + j - corner_w);
        for (int v = 0; v < V; ++v) {
          if (first || p.v[v] > best.v[v] || p.v[v] != p.v[v]) {
            best.v[v] = p.v[v];
            where.v[v] = position;
          }
        }
        first = false;
      }
    }
    const int64_t at = int64_t{pixel} * d.c + channel;
    store<V>(y + at, best);
    if (index != nullptr) *reinterpret_cast<Indices<Index, V>*>(index + at) = where;
  }
};

// Gathers: every window that covers a pixel gives its gradient where its index names that pixel, in the order of the windows.
template <class Index>
struct Backward {
  float* dx;
  const float* dy;
  const Index* index;
  PoolDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t j = pixel % d.w, i = pixel / d.w % d.h, n = pixel / d.w / d.h;
    const int32_t above = i + d.pad_top, left = j + d.pad_left;
    const int32_t oi0 = above < d.r ? 0 : (above - d.r) / d.stride_h + 1, oi1 = min(above / d.stride_h, d.oh - 1);
    const int32_t oj0 = left < d.s ? 0 : (left - d.s) / d.stride_w + 1, oj1 = min(left / d.stride_w, d.ow - 1);
    Pack<V> sum{};
#pragma unroll 1
    for (int32_t oi = oi0; oi <= oi1; ++oi) {
#pragma unroll 1
      for (int32_t oj = oj0; oj <= oj1; ++oj) {
        const int64_t at = ((int64_t{n} * d.oh + oi) * d.ow + oj) * d.c + channel;
        const int32_t position = (above - oi * d.stride_h) * d.s + left - oj * d.stride_w;
        const Indices<Index, V> where = *reinterpret_cast<const Indices<Index, V>*>(index + at);
        const Pack<V> g = load<V>(dy + at);
        for (int v = 0; v < V; ++v) sum.v[v] += where.v[v] == position ? g.v[v] : 0.0f;
      }
    }
    store<V>(dx + int64_t{pixel} * d.c + channel, sum);
  }
};

bool index_vectorizable(const void* index) { return (reinterpret_cast<uintptr_t>(index) & 7) == 0; }

}  // namespace

void pool_forward(Context& ctx, float* y, void* index_or_null, const float* x, const PoolDesc& desc) {
  const bool vectors = vectorizable(desc.c, y, x) && index_vectorizable(index_or_null);
  const int64_t pixels = int64_t{desc.n} * desc.oh * desc.ow;
  if (desc.index_bytes == 1) {
    launch_pixels(ctx, pixels, desc.c, vectors, Forward<uint8_t>{y, static_cast<uint8_t*>(index_or_null), x, desc});
  } else {
    launch_pixels(ctx, pixels, desc.c, vectors, Forward<uint16_t>{y, static_cast<uint16_t*>(index_or_null), x, desc});
  }
  check_launch("pool_forward", desc);
}

void pool_backward(Context& ctx, float* dx, const float* dy, const void* index, const PoolDesc& desc) {
  const bool vectors = vectorizable(desc.c, dx, dy) && index_vectorizable(index);
  const int64_t pixels = int64_t{desc.n} * desc.h * desc.w;
  if (desc.index_bytes == 1) {
    launch_pixels(ctx, pixels, desc.c, vectors, Backward<uint8_t>{dx, dy, static_cast<const uint8_t*>(index), desc});
  } else {
    launch_pixels(ctx, pixels, desc.c, vectors, Backward<uint16_t>{dx, dy, static_cast<const uint16_t*>(index), desc});
  }
  check_launch("pool_backward", desc);
}

}  // namespace netrt
