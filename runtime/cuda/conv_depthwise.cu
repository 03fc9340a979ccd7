#include "conv_depthwise.h"

#include "../activation_math.h"
#include "columns.h"

namespace netrt {
namespace {

struct Forward {
  float* y;
  const float *x, *w, *bias;
  ConvDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t oj = pixel % d.ow, oi = pixel / d.ow % d.oh, n = pixel / d.ow / d.oh, taps = d.r * d.s;
    Pack<V> sum{};
    for (int32_t r = 0; r < d.r; ++r) {
      const int32_t i = oi * d.stride_h - d.pad_top + r * d.dilation_h;
      if (i < 0 || i >= d.h) continue;
      for (int32_t s = 0; s < d.s; ++s) {
        const int32_t j = oj * d.stride_w - d.pad_left + s * d.dilation_w;
        if (j < 0 || j >= d.w) continue;
        const Pack<V> p = load<V>(x + ((int64_t{n} * d.h + i) * d.w + j) * d.c + channel);
        for (int v = 0; v < V; ++v) sum.v[v] += p.v[v] * w[(channel + v) * taps + r * d.s + s];
      }
    }
    for (int v = 0; v < V; ++v) {
      sum.v[v] = activation_value(d.activation, d.alpha, bias == nullptr ? sum.v[v] : sum.v[v] + bias[channel + v]);
    }
    store<V>(y + int64_t{pixel} * d.c + channel, sum);
  }
};

struct BackwardData {
  float* dx;
  const float *dy, *w, *bias;
  Activation activation;
  float alpha;
  ConvDesc d;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int32_t j = pixel % d.w, i = pixel / d.w % d.h, n = pixel / d.w / d.h, taps = d.r * d.s;
    Pack<V> sum{};
    for (int32_t r = 0; r < d.r; ++r) {
      const int32_t from_i = i + d.pad_top - r * d.dilation_h, oi = from_i / d.stride_h;
      if (from_i < 0 || from_i % d.stride_h != 0 || oi >= d.oh) continue;
      for (int32_t s = 0; s < d.s; ++s) {
        const int32_t from_j = j + d.pad_left - s * d.dilation_w, oj = from_j / d.stride_w;
        if (from_j < 0 || from_j % d.stride_w != 0 || oj >= d.ow) continue;
        const Pack<V> g = load<V>(dy + ((int64_t{n} * d.oh + oi) * d.ow + oj) * d.c + channel);
        for (int v = 0; v < V; ++v) sum.v[v] += g.v[v] * w[(channel + v) * taps + r * d.s + s];
      }
    }
    for (int v = 0; v < V; ++v) {
      sum.v[v] = activation_value(activation, alpha, bias == nullptr ? sum.v[v] : sum.v[v] + bias[channel + v]);
    }
    store<V>(dx + int64_t{pixel} * d.c + channel, sum);
  }
};

// Column (tap, channel) of the weight gradient, with the channel fastest so that neighbouring threads read neighbouring channels:
// dy times the input under that tap, summed over the output pixels of a chunk. Results go to out[chunk] in the weights' order.
__global__ void __launch_bounds__(kThreads) weights_kernel(float* out, const float* x, const float* dy, ConvDesc d, int32_t chunks) {
  const int32_t column = static_cast<int32_t>(blockIdx.x) * kColumns + static_cast<int32_t>(threadIdx.x) % kColumns, taps = d.r * d.s;
  const int32_t channel = column % d.c, tap = column / d.c, chunk = static_cast<int32_t>(blockIdx.y);
  const int32_t shift_i = tap / d.s * d.dilation_h - d.pad_top, shift_j = tap % d.s * d.dilation_w - d.pad_left;
  const RowRange range = chunk_rows(int64_t{d.n} * d.oh * d.ow, chunks, chunk);
  const bool inside = column < taps * d.c;
  const Pack<1> total = column_sums<1>(range.first, range.last, column, inside, [&](int64_t row, int32_t, float* sum) {
    const int32_t pixel = static_cast<int32_t>(row), oj = pixel % d.ow, oi = pixel / d.ow % d.oh, n = pixel / d.ow / d.oh;
    const int32_t i = oi * d.stride_h + shift_i, j = oj * d.stride_w + shift_j;
    if (i < 0 || i >= d.h || j < 0 || j >= d.w) return;
    sum[0] += dy[row * d.c + channel] * x[((int64_t{n} * d.h + i) * d.w + j) * d.c + channel];
  });
  if (threadIdx.x < kColumns && inside) out[(int64_t{chunk} * d.c + channel) * taps + tap] = total.v[0];
}

}  // namespace

void depthwise_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& d) {
  launch_pixels(ctx, int64_t{d.n} * d.oh * d.ow, d.c, vectorizable(d.c, y, x), Forward{y, x, w, b_or_null, d});
}

void depthwise_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const float* b_or_null, Activation activation, float alpha,
                             const ConvDesc& d) {
  launch_pixels(ctx, int64_t{d.n} * d.h * d.w, d.c, vectorizable(d.c, dx, dy), BackwardData{dx, dy, w, b_or_null, activation, alpha, d});
}

void depthwise_backward_weights(Context& ctx, float* dw, const float* x, const float* dy, const ConvDesc& d, Workspace workspace) {
  const int32_t columns = d.r * d.s * d.c;
  const int64_t fit = static_cast<int64_t>(workspace.bytes / sizeof(float)) / columns;
  const int32_t chunks = static_cast<int32_t>(std::min<int64_t>(cuda::reduction_chunks(d.n * d.oh * d.ow, columns), fit));
  if (chunks < 2) {
    weights_kernel<<<column_grid(columns, 1), kThreads, 0, ctx.stream>>>(dw, x, dy, d, 1);
    return;
  }
  float* partial = static_cast<float*>(workspace.data);
  weights_kernel<<<column_grid(columns, chunks), kThreads, 0, ctx.stream>>>(partial, x, dy, d, chunks);
  launch_partial_sums<1>(ctx, dw, chunks, columns, 1, ColumnOf{partial, columns});
}

}  // namespace netrt
