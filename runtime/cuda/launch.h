// Device helpers: vectors of channels, launch shapes, and reductions whose order is fixed by the launch shape alone.
#pragma once

#include <algorithm>
#include <cstdint>

#include "context.h"

namespace netrt {

constexpr int kThreads = 256;

/// V consecutive floats, moved in one access where V is 4.
template <int V>
struct alignas(V * sizeof(float)) Pack {
  float v[V];
};

template <int V>
__device__ inline Pack<V> load(const float* from) {
  return *reinterpret_cast<const Pack<V>*>(from);
}
template <int V>
__device__ inline void store(float* to, const Pack<V>& value) {
  *reinterpret_cast<Pack<V>*>(to) = value;
}

/// Whether rows of `c` floats at these pointers can be moved four floats at a time.
template <class... Pointers>
bool vectorizable(int64_t c, const Pointers*... pointers) {
  return c % 4 == 0 && (((reinterpret_cast<uintptr_t>(pointers) & 15) == 0) && ...);
}

/// The same value, which the compiler must take for a new one: what a loop makes of it stays in the loop and holds no registers outside.
__device__ inline int32_t opaque(int32_t value) {
  asm volatile("" : "+r"(value));
  return value;
}

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// ---- One thread a vector of a flat array ----------------------------------------------------------

/// `Body` has `template <int V> __device__ void run(int64_t i) const`, which handles elements i .. i+V-1.
template <int V, class Body>
__global__ void __launch_bounds__(kThreads) each_kernel(int64_t count, Body body) {
  const int64_t first = int64_t{blockIdx.x} * kThreads + threadIdx.x, step = int64_t{gridDim.x} * kThreads, vectors = count / V;
  for (int64_t i = first; i < vectors; i += step) body.template run<V>(i * V);
  for (int64_t i = vectors * V + first; i < count; i += step) body.template run<1>(i);
}

/// Runs body over `count` elements, four at a time if `vectors`.
template <class Body>
void launch_each(Context& ctx, int64_t count, bool vectors, const Body& body) {
  if (count == 0) return;
  const int64_t blocks = std::min<int64_t>(divide_up(count, int64_t{kThreads} * (vectors ? 4 : 1)), 1 << 20);
  if (vectors) {
    each_kernel<4><<<static_cast<unsigned>(blocks), kThreads, 0, ctx.stream>>>(count, body);
  } else {
    each_kernel<1><<<static_cast<unsigned>(blocks), kThreads, 0, ctx.stream>>>(count, body);
  }
}

// ---- Channels along threadIdx.x, pixels along threadIdx.y --------------------------------------------

/// `Body` has `template <int V> __device__ void run(int32_t pixel, int32_t channel) const`.
template <int V, class Body>
__global__ void __launch_bounds__(kThreads) pixels_kernel(int32_t pixels, int32_t channels, Body body) {
  const int64_t step = int64_t{gridDim.x} * blockDim.y;
  for (int64_t pixel = int64_t{blockIdx.x} * blockDim.y + threadIdx.y; pixel < pixels; pixel += step) {
    for (int32_t channel = static_cast<int32_t>(threadIdx.x) * V; channel < channels; channel += static_cast<int32_t>(blockDim.x) * V) {
      body.template run<V>(static_cast<int32_t>(pixel), channel);
    }
  }
}

/// Runs body over pixels x channels, four channels at a time if `vectors`.
template <class Body>
void launch_pixels(Context& ctx, int64_t pixels, int32_t channels, bool vectors, const Body& body) {
  if (pixels == 0 || channels == 0) return;
  const int32_t lanes = vectors ? channels / 4 : channels;
  unsigned width = 1;
  while (width < 64 && static_cast<int32_t>(width) < lanes) width *= 2;
  const dim3 block(width, kThreads / width);
  const unsigned blocks = static_cast<unsigned>(std::min<int64_t>(divide_up(pixels, block.y), 1 << 30));
  if (vectors) {
    pixels_kernel<4><<<blocks, block, 0, ctx.stream>>>(static_cast<int32_t>(pixels), channels, body);
  } else {
    pixels_kernel<1><<<blocks, block, 0, ctx.stream>>>(static_cast<int32_t>(pixels), channels, body);
  }
}

// ---- Reductions -------------------------------------------------------------------------------------

/// Sum over the block's kThreads threads, in thread 0. The order is always the same. Every thread must call.
template <class T>
__device__ inline T block_sum(T value) {
  __shared__ T parts[kThreads];
  const int t = static_cast<int>(threadIdx.x);
  __syncthreads();
  parts[t] = value;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (t < half) parts[t] += parts[t + half];
    __syncthreads();
  }
  return parts[0];
}

/// Sum or maximum over a warp, the same bits in every lane.
__device__ inline float warp_sum(float value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}
__device__ inline float warp_max(float value) {
  for (int offset = 16; offset > 0; offset /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

}  // namespace netrt
