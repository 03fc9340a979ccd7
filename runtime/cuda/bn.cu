#include "../activation_math.h"
#include "columns.h"

namespace netrt {
namespace {

// Sums of x and x^2 around the chunk's first value, so that little is lost when the mean is large against the deviation; then the chunk's
// mean and its sum of squared deviations, side by side.
__global__ void __launch_bounds__(kThreads) moments_kernel(float* partial, const float* x, int64_t rows, int32_t c, int32_t chunks) {
  const int32_t column = static_cast<int32_t>(blockIdx.x) * kColumns + static_cast<int32_t>(threadIdx.x) % kColumns;
  const int32_t chunk = static_cast<int32_t>(blockIdx.y);
  const RowRange range = chunk_rows(rows, chunks, chunk);
  const bool inside = column < c && range.first < range.last;
  const float shift = inside ? x[range.first * c + column] : 0.0f;
  const Pack<2> sums = column_sums<2>(range.first, range.last, column, inside, [&](int64_t row, int32_t at, float* sum) {
    const float value = x[row * c + at] - shift;
    sum[0] += value;
    sum[1] += value * value;
  });
  if (threadIdx.x >= kColumns || column >= c) return;
  const float count = static_cast<float>(range.last - range.first), mean = inside ? sums.v[0] / count : 0.0f;
  partial[(int64_t{chunk} * 2) * c + column] = shift + mean;
  partial[(int64_t{chunk} * 2 + 1) * c + column] = fmaxf(sums.v[1] - sums.v[0] * mean, 0.0f);
}

// Joins the chunks in order (Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
__global__ void __launch_bounds__(kThreads) statistics_kernel(float* mean, float* invstd, float* running_mean, float* running_var,
                                                              const float* partial, int32_t chunks, BnDesc d) {
  const int32_t column = static_cast<int32_t>(blockIdx.x) * kThreads + static_cast<int32_t>(threadIdx.x);
  if (column >= d.c) return;
  double count = 0, average = 0, square = 0;
  for (int32_t chunk = 0; chunk < chunks; ++chunk) {
    const RowRange range = chunk_rows(d.rows, chunks, chunk);
    const double here = static_cast<double>(range.last - range.first);
    if (here == 0) continue;
    const double delta = partial[(int64_t{chunk} * 2) * d.c + column] - average, total = count + here;
    average += delta * here / total;
    square += partial[(int64_t{chunk} * 2 + 1) * d.c + column] + delta * delta * count * here / total;
    count = total;
  }
  const double variance = square / count;
  mean[column] = static_cast<float>(average);
  invstd[column] = static_cast<float>(1.0 / sqrt(variance + static_cast<double>(d.eps)));
  const double unbiased = d.rows > 1 ? square / (count - 1) : variance;
  running_mean[column] = d.keep * running_mean[column] + (1.0f - d.keep) * static_cast<float>(average);
  running_var[column] = d.keep * running_var[column] + (1.0f - d.keep) * static_cast<float>(unbiased);
}

struct Normalize {
  float* y;
  const float* x;
  const float* mean;
  const float* invstd;
  const float* gamma;
  const float* beta;
  int32_t c;
  Activation activation;
  float alpha;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    Pack<V> p = load<V>(x + int64_t{row} * c + channel);
    const Pack<V> m = load<V>(mean + channel), s = load<V>(invstd + channel), g = load<V>(gamma + channel), b = load<V>(beta + channel);
    for (int v = 0; v < V; ++v) p.v[v] = activation_value(activation, alpha, (p.v[v] - m.v[v]) * s.v[v] * g.v[v] + b.v[v]);
    store<V>(y + int64_t{row} * c + channel, p);
  }
};

struct Evaluate {
  float* y;
  const float* x;
  const float* gamma;
  const float* beta;
  const float* mean;
  const float* var;
  BnDesc d;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    Pack<V> p = load<V>(x + int64_t{row} * d.c + channel);
    const Pack<V> m = load<V>(mean + channel), s = load<V>(var + channel), g = load<V>(gamma + channel), b = load<V>(beta + channel);
    for (int v = 0; v < V; ++v) {
      const float normal = (p.v[v] - m.v[v]) * (1.0f / sqrtf(s.v[v] + d.eps));
      p.v[v] = activation_value(d.activation, d.alpha, normal * g.v[v] + b.v[v]);
    }
    store<V>(y + int64_t{row} * d.c + channel, p);
  }
};

// What the backward pass reads. The gradient before the activation follows from x and the statistics.
struct Saved {
  const float* x;
  const float* dy;
  const float* mean;
  const float* invstd;
  const float* gamma;
  const float* beta;
  BnDesc d;
};

// Adds the gradient g before the activation, and g times the normalised value.
struct GradientSums {
  Saved s;
  __device__ void operator()(int64_t row, int32_t column, float* sum) const {
    const float normal = (s.x[row * s.d.c + column] - s.mean[column]) * s.invstd[column];
    float g = s.dy[row * s.d.c + column];
    if (s.d.activation != Activation::none) {
      g *= activation_slope_from_input(s.d.activation, s.d.alpha, normal * s.gamma[column] + s.beta[column]);
    }
    sum[0] += g;
    sum[1] += g * normal;
  }
};

// dx = gamma invstd (g - mean of g - normal * mean of g normal), the means over the rows.
struct DataGradient {
  float* dx;
  const float* dgamma;
  const float* dbeta;
  Saved s;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const int64_t at = int64_t{row} * s.d.c + channel;
    const float share = 1.0f / static_cast<float>(s.d.rows);
    const Pack<V> x = load<V>(s.x + at), mean = load<V>(s.mean + channel), invstd = load<V>(s.invstd + channel);
    const Pack<V> gamma = load<V>(s.gamma + channel), beta = load<V>(s.beta + channel);
    const Pack<V> sum_normal = load<V>(dgamma + channel), sum = load<V>(dbeta + channel);
    Pack<V> g = load<V>(s.dy + at);
    for (int v = 0; v < V; ++v) {
      const float normal = (x.v[v] - mean.v[v]) * invstd.v[v];
      if (s.d.activation != Activation::none) {
        g.v[v] *= activation_slope_from_input(s.d.activation, s.d.alpha, normal * gamma.v[v] + beta.v[v]);
      }
      g.v[v] = gamma.v[v] * invstd.v[v] * (g.v[v] - sum.v[v] * share - normal * (sum_normal.v[v] * share));
    }
    store<V>(dx + at, g);
  }
};

/// The second pass of bn_forward, and bn_apply: one kernel, so that both give the same bits.
void normalize(Context& ctx, float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta,
               const BnDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, vectorizable(desc.c, y, x, mean, invstd, gamma, beta),
                Normalize{y, x, mean, invstd, gamma, beta, desc.c, desc.activation, desc.alpha});
}

}  // namespace

void bn_forward(Context& ctx, float* y, float* mean, float* invstd, float* running_mean, float* running_var, const float* x, const float* gamma,
                const float* beta, const BnDesc& desc, Workspace workspace) {
  require_workspace("bn_forward", bn_forward_workspace(desc), workspace);
  float* partial = static_cast<float*>(workspace.data);
  const int32_t chunks = cuda::reduction_chunks(desc.rows, desc.c);
  moments_kernel<<<column_grid(desc.c, chunks), kThreads, 0, ctx.stream>>>(partial, x, desc.rows, desc.c, chunks);
  statistics_kernel<<<static_cast<unsigned>(divide_up(desc.c, kThreads)), kThreads, 0, ctx.stream>>>(mean, invstd, running_mean, running_var,
                                                                                                    partial, chunks, desc);
  normalize(ctx, y, x, mean, invstd, gamma, beta, desc);
  check_launch("bn_forward", desc);
}

void bn_apply(Context& ctx, float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta,
              const BnDesc& desc) {
  normalize(ctx, y, x, mean, invstd, gamma, beta, desc);
  check_launch("bn_apply", desc);
}

void bn_evaluate(Context& ctx, float* y, const float* x, const float* gamma, const float* beta, const float* running_mean, const float* running_var,
                 const BnDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, vectorizable(desc.c, y, x, gamma, beta, running_mean, running_var),
                Evaluate{y, x, gamma, beta, running_mean, running_var, desc});
  check_launch("bn_evaluate", desc);
}

void bn_backward(Context& ctx, float* dx_or_null, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd,
                 const float* gamma, const float* beta, const float* dy, const BnDesc& desc, Workspace workspace) {
  require_workspace("bn_backward", bn_backward_workspace(desc), workspace);
  float* partial = static_cast<float*>(workspace.data);
  const int32_t chunks = cuda::reduction_chunks(desc.rows, desc.c);
  const Saved saved{x, dy, mean, invstd, gamma, beta, desc};
  launch_partial_sums<2>(ctx, partial, desc.rows, desc.c, chunks, GradientSums{saved});
  join_partial_pairs(ctx, dbeta, dgamma, partial, chunks, desc.c);
  if (dx_or_null != nullptr) {
    launch_pixels(ctx, desc.rows, desc.c, vectorizable(desc.c, dx_or_null, x, dy, mean, invstd, gamma, beta, dgamma, dbeta),
                  DataGradient{dx_or_null, dgamma, dbeta, saved});
  }
  check_launch("bn_backward", desc);
}

size_t bn_forward_workspace(const BnDesc& desc) { return cuda::bn_forward_workspace(desc); }
size_t bn_backward_workspace(const BnDesc& desc) { return cuda::bn_backward_workspace(desc); }

}  // namespace netrt
