#include "../activation_math.h"
#include "launch.h"

namespace netrt {
namespace {

struct Forward {
  float* y;
  const float* x;
  Activation activation;
  float alpha;
  template <int V>
  __device__ void run(int64_t i) const {
    Pack<V> p = load<V>(x + i);
    for (int j = 0; j < V; ++j) p.v[j] = activation_value(activation, alpha, p.v[j]);
    store<V>(y + i, p);
  }
};

// A thread makes one byte of the mask and its eight values; x is read before y, which may be the same memory, is written.
__global__ void __launch_bounds__(kThreads) forward_mask_kernel(float* y, uint8_t* mask, const float* x, int64_t count, Activation activation,
                                                                float alpha) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int64_t byte = int64_t{blockIdx.x} * kThreads + threadIdx.x; byte * 8 < count; byte += step) {
    const int64_t first = byte * 8;
    unsigned bits = 0;
    for (int j = 0; j < 8 && first + j < count; ++j) {
      const float value = x[first + j];
      bits |= static_cast<unsigned>(activation_mask(activation, value)) << j;
      y[first + j] = activation_value(activation, alpha, value);
    }
    mask[byte] = static_cast<uint8_t>(bits);
  }
}

// The same for whole bytes, in two vector accesses each way.
__global__ void __launch_bounds__(kThreads) forward_mask_kernel_x8(float* y, uint8_t* mask, const float* x, int64_t bytes, Activation activation,
                                                                   float alpha) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int64_t byte = int64_t{blockIdx.x} * kThreads + threadIdx.x; byte < bytes; byte += step) {
    unsigned bits = 0;
    for (int half = 0; half < 2; ++half) {
      Pack<4> p = load<4>(x + byte * 8 + half * 4);
      for (int j = 0; j < 4; ++j) {
        bits |= static_cast<unsigned>(activation_mask(activation, p.v[j])) << (half * 4 + j);
        p.v[j] = activation_value(activation, alpha, p.v[j]);
      }
      store<4>(y + byte * 8 + half * 4, p);
    }
    mask[byte] = static_cast<uint8_t>(bits);
  }
}

// A thread makes one byte of the mask; V > 1: all bytes are whole.
template <int V>
__global__ void __launch_bounds__(kThreads) output_mask_kernel(uint8_t* mask, const float* y, int64_t count, Activation activation) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int64_t byte = int64_t{blockIdx.x} * kThreads + threadIdx.x; byte * 8 < count; byte += step) {
    unsigned bits = 0;
    for (int j = 0; j < 8 && byte * 8 + j < count; j += V) {
      const Pack<V> p = load<V>(y + byte * 8 + j);
      for (int v = 0; v < V; ++v) bits |= static_cast<unsigned>(activation_mask_from_output(activation, p.v[v])) << (j + v);
    }
    mask[byte] = static_cast<uint8_t>(bits);
  }
}

// Blocks for a thread each byte of a mask.
unsigned mask_blocks(int64_t count) { return static_cast<unsigned>(std::min<int64_t>(divide_up(divide_up(count, 8), kThreads), 1 << 20)); }

struct FromOutput {
  float* dx;
  const float* y;
  const float* dy;
  Activation activation;
  float alpha;
  template <int V>
  __device__ void run(int64_t i) const {
    const Pack<V> known = load<V>(y + i);
    Pack<V> g = load<V>(dy + i);
    for (int j = 0; j < V; ++j) g.v[j] *= activation_slope_from_output(activation, alpha, known.v[j]);
    store<V>(dx + i, g);
  }
};

struct FromInput {
  float* dx;
  const float* x;
  const float* dy;
  Activation activation;
  float alpha;
  template <int V>
  __device__ void run(int64_t i) const {
    const Pack<V> known = load<V>(x + i);
    Pack<V> g = load<V>(dy + i);
    for (int j = 0; j < V; ++j) g.v[j] *= activation_slope_from_input(activation, alpha, known.v[j]);
    store<V>(dx + i, g);
  }
};

struct FromMask {
  float* dx;
  const uint8_t* mask;
  const float* dy;
  float on, off;
  template <int V>
  __device__ void run(int64_t i) const {
    const unsigned bits = mask[i / 8] >> (i % 8);
    Pack<V> g = load<V>(dy + i);
    for (int j = 0; j < V; ++j) g.v[j] *= (bits >> j & 1u) != 0 ? on : off;
    store<V>(dx + i, g);
  }
};

}  // namespace

void act_forward(Context& ctx, float* y, uint8_t* mask_or_null, const float* x, const ActDesc& desc) {
  const bool vectors = vectorizable(4, y, x);
  if (mask_or_null == nullptr) {
    launch_each(ctx, desc.count, vectors, Forward{y, x, desc.activation, desc.alpha});
  } else if (desc.count > 0) {
    const unsigned blocks = mask_blocks(desc.count);
    if (vectors && desc.count % 8 == 0) {
      forward_mask_kernel_x8<<<blocks, kThreads, 0, ctx.stream>>>(y, mask_or_null, x, desc.count / 8, desc.activation, desc.alpha);
    } else {
      forward_mask_kernel<<<blocks, kThreads, 0, ctx.stream>>>(y, mask_or_null, x, desc.count, desc.activation, desc.alpha);
    }
  }
  check_launch("act_forward", desc);
}

void act_mask(Context& ctx, uint8_t* mask, const float* y, const ActDesc& desc) {
  if (desc.count > 0) {
    const auto kernel = vectorizable(4, y) && desc.count % 8 == 0 ? output_mask_kernel<4> : output_mask_kernel<1>;
    kernel<<<mask_blocks(desc.count), kThreads, 0, ctx.stream>>>(mask, y, desc.count, desc.activation);
  }
  check_launch("act_mask", desc);
}

void act_backward_from_output(Context& ctx, float* dx, const float* y, const float* dy, const ActDesc& desc) {
  launch_each(ctx, desc.count, vectorizable(4, dx, y, dy), FromOutput{dx, y, dy, desc.activation, desc.alpha});
  check_launch("act_backward_from_output", desc);
}

void act_backward_from_input(Context& ctx, float* dx, const float* x, const float* dy, const ActDesc& desc) {
  launch_each(ctx, desc.count, vectorizable(4, dx, x, dy), FromInput{dx, x, dy, desc.activation, desc.alpha});
  check_launch("act_backward_from_input", desc);
}

void act_backward_from_mask(Context& ctx, float* dx, const uint8_t* mask, const float* dy, const ActDesc& desc) {
  const float on = activation_slope_from_mask(desc.activation, desc.alpha, true);
  const float off = activation_slope_from_mask(desc.activation, desc.alpha, false);
  launch_each(ctx, desc.count, vectorizable(4, dx, dy), FromMask{dx, mask, dy, on, off});
  check_launch("act_backward_from_mask", desc);
}

}  // namespace netrt
