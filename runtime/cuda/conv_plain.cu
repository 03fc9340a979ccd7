#include "conv_plain.h"

#include "../activation_math.h"
#include "columns.h"
#include "gemm_tile.h"

namespace netrt {
namespace {

// Element (pixel, (r, s, c)) of the input under output pixel's window; zero in the padding. One group's channels.
struct InputWindows {
  static constexpr bool along_k = true;
  const float* x;  // at the group's first channel
  ConvDesc d;
  int32_t pixels, channels;  // n * oh * ow; c / groups
  bool vectors;
  __device__ float at(int32_t n, int32_t oi, int32_t oj, int32_t k) const {
    const int32_t channel = k % channels, tap = k / channels;
    const int32_t i = oi * d.stride_h - d.pad_top + tap / d.s * d.dilation_h, j = oj * d.stride_w - d.pad_left + tap % d.s * d.dilation_w;
    if (i < 0 || i >= d.h || j < 0 || j >= d.w) return 0.0f;
    return x[((int64_t{n} * d.h + i) * d.w + j) * d.c + channel];
  }
  __device__ Pack<4> four(int32_t pixel, int32_t k, int32_t k_end) const {
    Pack<4> p{};
    if (pixel >= pixels || k >= k_end) return p;
    const int32_t oj = pixel % d.ow, oi = pixel / d.ow % d.oh, n = pixel / d.ow / d.oh;
    if (vectors) {  // four channels of one tap
      const int32_t channel = k % channels, tap = k / channels;
      const int32_t i = oi * d.stride_h - d.pad_top + tap / d.s * d.dilation_h, j = oj * d.stride_w - d.pad_left + tap % d.s * d.dilation_w;
      if (i < 0 || i >= d.h || j < 0 || j >= d.w) return p;
      return load<4>(x + ((int64_t{n} * d.h + i) * d.w + j) * d.c + channel);
    }
    for (int v = 0; v < 4; ++v) {
      if (k + v < k_end) p.v[v] = at(n, oi, oj, k + v);
    }
    return p;
  }
};

// The same elements, four neighbouring (r, s, c) of one pixel, for the weight gradient, whose k is the pixel.
struct InputWindowsByTap {
  static constexpr bool along_k = false;
  InputWindows windows;
  int32_t extent;  // r * s * c / groups
  __device__ Pack<4> four(int32_t i, int32_t pixel, int32_t k_end) const {
    if (pixel >= k_end) return Pack<4>{};
    return windows.four(pixel, i, extent);
  }
};

// Element (input pixel, (r, s, k)) of dy where that tap of a window over the input pixel is; zero where there is none.
struct OutputWindows {
  static constexpr bool along_k = true;
  const float* dy;  // at the group's first channel
  ConvDesc d;
  int32_t pixels, channels;  // n * h * w; k / groups
  bool vectors;
  // The first channel of dy under `tap`, or null.
  __device__ const float* source(int32_t pixel, int32_t tap) const {
    const int32_t j = pixel % d.w, i = pixel / d.w % d.h, n = pixel / d.w / d.h;
    const int32_t from_i = i + d.pad_top - tap / d.s * d.dilation_h, from_j = j + d.pad_left - tap % d.s * d.dilation_w;
    if (from_i < 0 || from_j < 0 || from_i % d.stride_h != 0 || from_j % d.stride_w != 0) return nullptr;
    const int32_t oi = from_i / d.stride_h, oj = from_j / d.stride_w;
    if (oi >= d.oh || oj >= d.ow) return nullptr;
    return dy + ((int64_t{n} * d.oh + oi) * d.ow + oj) * d.k;
  }
  __device__ Pack<4> four(int32_t pixel, int32_t k, int32_t k_end) const {
    Pack<4> p{};
    if (pixel >= pixels || k >= k_end) return p;
    if (vectors) {
      const float* from = source(pixel, k / channels);
      return from == nullptr ? p : load<4>(from + k % channels);
    }
    for (int v = 0; v < 4; ++v) {
      if (k + v >= k_end) break;
      const float* from = source(pixel, (k + v) / channels);
      if (from != nullptr) p.v[v] = from[(k + v) % channels];
    }
    return p;
  }
};

// Element (input channel, (r, s, k)) of the weights of one group.
struct WeightsByInput {
  static constexpr bool along_k = false;
  const float* w;  // at the group's first output channel
  int32_t extent, out_channels, taps;  // c / groups; k / groups; r * s
  bool vectors;
  __device__ Pack<4> four(int32_t i, int32_t k, int32_t k_end) const {
    Pack<4> p{};
    if (i >= extent || k >= k_end) return p;
    const float* from = w + (int64_t{k % out_channels} * taps + k / out_channels) * extent + i;
    if (vectors) return load<4>(from);
    for (int v = 0; v < 4; ++v) {
      if (i + v < extent) p.v[v] = from[v];
    }
    return p;
  }
};

struct ForwardProblem {
  using A = InputWindows;
  using B = MatrixOperand<true>;
  ConvDesc d;
  float* y;
  const float *x, *w, *bias;
  int32_t m, n, k, splits;
  bool vectors;
  __device__ A a(int32_t group) const { return {x + group * (d.c / d.groups), d, m, d.c / d.groups, vectors}; }
  __device__ B b(int32_t group) const { return {w + int64_t{group} * n * k, k, n, vectors}; }
  __device__ void write(int32_t group, int32_t, int32_t pixel, int32_t channel, float value) const {
    const int32_t at = group * n + channel;
    y[int64_t{pixel} * d.k + at] = activation_value(d.activation, d.alpha, bias == nullptr ? value : value + bias[at]);
  }
};

struct DataProblem {
  using A = OutputWindows;
  using B = WeightsByInput;
  ConvDesc d;
  float* dx;
  const float *dy, *w, *bias;
  Activation activation;
  float alpha;
  int32_t m, n, k, splits;
  bool vectors_a, vectors_b;
  __device__ A a(int32_t group) const { return {dy + group * (d.k / d.groups), d, m, d.k / d.groups, vectors_a}; }
  __device__ B b(int32_t group) const { return {w + int64_t{group} * n * k, n, d.k / d.groups, d.r * d.s, vectors_b}; }
  __device__ void write(int32_t group, int32_t, int32_t pixel, int32_t channel, float value) const {
    const int32_t at = group * n + channel;
    dx[int64_t{pixel} * d.c + at] = activation_value(activation, alpha, bias == nullptr ? value : value + bias[at]);
  }
};

struct WeightsProblem {
  using A = MatrixOperand<false>;
  using B = InputWindowsByTap;
  ConvDesc d;
  float* out;  // dw, or `splits` of them one after the other
  const float *x, *dy;
  int32_t m, n, k, splits;
  bool vectors_a, vectors_b;
  __device__ A a(int32_t group) const { return {dy + group * m, d.k, m, vectors_a}; }
  __device__ B b(int32_t group) const { return {{x + group * (d.c / d.groups), d, k, d.c / d.groups, vectors_b}, n}; }
  __device__ void write(int32_t group, int32_t split, int32_t out_channel, int32_t tap, float value) const {
    out[((int64_t{split} * d.groups + group) * m + out_channel) * n + tap] = value;
  }
};

struct BiasActivation {
  float* y;
  const float* b;  // or null
  int32_t c;
  Activation activation;
  float alpha;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    Pack<V> p = load<V>(y + int64_t{row} * c + channel), bias{};
    if (b != nullptr) bias = load<V>(b + channel);
    for (int v = 0; v < V; ++v) p.v[v] = activation_value(activation, alpha, p.v[v] + bias.v[v]);
    store<V>(y + int64_t{row} * c + channel, p);
  }
};

}  // namespace

void plain_conv_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& d) {
  const int32_t channels = d.c / d.groups;
  launch_gemm(ctx, ForwardProblem{d, y, x, w, b_or_null, d.n * d.oh * d.ow, d.k / d.groups, d.r * d.s * channels, 1, vectorizable(channels, x, w)},
              d.groups);
}

void plain_conv_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const float* b_or_null, Activation activation, float alpha,
                              const ConvDesc& d) {
  const int32_t in = d.c / d.groups, out = d.k / d.groups;
  launch_gemm(ctx, DataProblem{d, dx, dy, w, b_or_null, activation, alpha, d.n * d.h * d.w, in, d.r * d.s * out, 1, vectorizable(out, dy),
                               vectorizable(in, w)},
              d.groups);
}

void plain_conv_backward_weights(Context& ctx, float* dw, const float* x, const float* dy, const ConvDesc& d, Workspace workspace) {
  const int32_t channels = d.c / d.groups, m = d.k / d.groups, n = d.r * d.s * channels, pixels = d.n * d.oh * d.ow;
  const int32_t splits = choose_splits(m, n, pixels, d.groups, workspace.bytes);
  float* partial = static_cast<float*>(workspace.data);
  launch_gemm(ctx, WeightsProblem{d, splits > 1 ? partial : dw, x, dy, m, n, pixels, splits, vectorizable(m, dy), vectorizable(channels, x)}, d.groups);
  if (splits > 1) launch_partial_sums<1>(ctx, dw, splits, d.groups * m * n, 1, ColumnOf{partial, d.groups * m * n});
}

void bias_activation(Context& ctx, float* y, const float* b_or_null, int64_t rows, int32_t c, Activation activation, float alpha) {
  if (b_or_null == nullptr && activation == Activation::none) return;
  launch_pixels(ctx, rows, c, vectorizable(c, y, b_or_null), BiasActivation{y, b_or_null, c, activation, alpha});
}

}  // namespace netrt
