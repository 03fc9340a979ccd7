#include "columns.h"
#include "softmax_row.h"

namespace netrt {
namespace {

// The groups of one sample that a block of the forward kernel works on: as many as make 64 consecutive bytes of a pixel. Thread t has the
// same V channels, those of column t % columns, in every rows-th pixel; a group wider than the block has several columns a thread.
template <int V>
struct Bundle {
  int32_t sample, group, groups, columns, rows, channels;  // group: the first; channels: of one group
  int32_t column, first, own_group;                        // the thread's: column, pixel to start with (none: d.pixels), group in the bundle
  __device__ Bundle(const GroupNormDesc& d, int32_t size) : channels(d.c / d.groups) {
    const int32_t bundles = (d.groups + size - 1) / size, thread = static_cast<int32_t>(threadIdx.x);
    sample = static_cast<int32_t>(blockIdx.x) / bundles;
    group = static_cast<int32_t>(blockIdx.x) % bundles * size;
    groups = min(size, d.groups - group);
    columns = groups * channels / V;
    rows = max(1, kThreads / columns);
    column = thread % columns;
    first = thread / columns < rows ? thread / columns : d.pixels;
    own_group = column * V / channels;
  }
  /// Calls body(where in the tensor, channel) for everything of the thread.
  template <class Body>
  __device__ void each(const GroupNormDesc& d, const Body& body) const {
#pragma unroll 1
    for (int32_t at = column; at < columns; at += kThreads) {
      const int32_t channel = group * channels + at * V;
#pragma unroll 2
      for (int32_t pixel = first; pixel < d.pixels; pixel += rows) body((int64_t{sample} * d.pixels + pixel) * d.c + channel, channel);
    }
  }
  /// The sum of the threads' values over the thread's group; a warp adds up a group. Every thread of the block must call.
  __device__ float sum(float value) const {
    __shared__ float parts[kThreads], totals[kThreads];
    __syncthreads();
    parts[threadIdx.x] = value;
    __syncthreads();
    const int32_t each = min(channels / V, kThreads), width = min(columns, kThreads);
    for (int32_t g = static_cast<int32_t>(first_row() % kWarps); g < groups; g += kWarps) {
      float total = 0;
      for (int32_t i = warp_lane(); i < rows * each; i += 32) total += parts[i / each * width + g * each + i % each];
      total = warp_sum(total);
      if (warp_lane() == 0) totals[g] = total;
    }
    __syncthreads();
    return totals[own_group];
  }
};

// Of V channels of one group. The last product and sum are one operation by name, so that both kernels that call this round alike.
template <int V>
__device__ inline Pack<V> normalized(Pack<V> p, float mean, float invstd, const float* gamma, const float* beta) {
  const Pack<V> g = load<V>(gamma), b = load<V>(beta);
  for (int v = 0; v < V; ++v) p.v[v] = fmaf((p.v[v] - mean) * invstd, g.v[v], b.v[v]);
  return p;
}

template <int V>
__global__ void __launch_bounds__(kThreads) forward_kernel(float* y, float* mean_or_null, float* invstd_or_null, const float* x, const float* gamma,
                                                           const float* beta, GroupNormDesc d, int32_t size) {
  const Bundle<V> bundle(d, size);
  const float share = 1.0f / (static_cast<float>(d.pixels) * static_cast<float>(bundle.channels));
  float sum = 0, square = 0;
  bundle.each(d, [&](int64_t at, int32_t) {
    const Pack<V> p = load<V>(x + at);
    for (int v = 0; v < V; ++v) sum += p.v[v];
  });
  const float mean = bundle.sum(sum) * share;
  bundle.each(d, [&](int64_t at, int32_t) {
    const Pack<V> p = load<V>(x + at);
    for (int v = 0; v < V; ++v) square += (p.v[v] - mean) * (p.v[v] - mean);
  });
  const float invstd = 1.0f / sqrtf(bundle.sum(square) * share + d.eps);
  if (static_cast<int32_t>(threadIdx.x) < bundle.columns && bundle.column * V % bundle.channels == 0) {
    const int64_t at = int64_t{bundle.sample} * d.groups + bundle.group + bundle.own_group;
    if (mean_or_null != nullptr) mean_or_null[at] = mean;
    if (invstd_or_null != nullptr) invstd_or_null[at] = invstd;
  }
  bundle.each(d, [&](int64_t at, int32_t channel) {
    store<V>(y + at, normalized(load<V>(x + at), mean, invstd, gamma + channel, beta + channel));
  });
}

struct Apply {
  float* y;
  const float *x, *mean, *invstd, *gamma, *beta;
  GroupNormDesc d;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const int64_t at = int64_t{row} * d.c + channel, group = int64_t{row / d.pixels} * d.groups + channel / (d.c / d.groups);
    store<V>(y + at, normalized(load<V>(x + at), mean[group], invstd[group], gamma + channel, beta + channel));
  }
};

// What the backward pass reads.
struct Saved {
  const float *x, *dy, *mean, *invstd, *gamma;
  GroupNormDesc d;
  __device__ int64_t group_of(int64_t sample, int32_t channel) const { return sample * d.groups + channel / (d.c / d.groups); }
};

// For every channel of a slice of a sample's pixels: the sums of dy, and of dy times the normalised value.
__global__ void __launch_bounds__(kThreads) sums_kernel(float* partial, Saved s, int32_t slices) {
  const int32_t column = static_cast<int32_t>(blockIdx.y) * kColumns + static_cast<int32_t>(threadIdx.x) % kColumns, c = s.d.c;
  const int64_t sample = blockIdx.x / slices, first = sample * s.d.pixels;
  const RowRange range = chunk_rows(s.d.pixels, slices, static_cast<int32_t>(blockIdx.x) % slices);
  const bool inside = column < c;
  const float mean = inside ? s.mean[s.group_of(sample, column)] : 0.0f, invstd = inside ? s.invstd[s.group_of(sample, column)] : 0.0f;
  const Pack<2> total = column_sums<2>(first + range.first, first + range.last, column, inside, [&](int64_t row, int32_t at, float* sum) {
    const float g = s.dy[row * c + at];
    sum[0] += g;
    sum[1] += g * (s.x[row * c + at] - mean) * invstd;
  });
  if (threadIdx.x >= kColumns || !inside) return;
  for (int v = 0; v < 2; ++v) partial[(int64_t{blockIdx.x} * 2 + v) * c + column] = total.v[v];
}

// From those, for every group of a sample: the sums of g = dy * gamma, and of g times the normalised value. One warp a group.
__global__ void __launch_bounds__(kThreads) group_sums_kernel(float* sums, const float* partial, const float* gamma, int32_t slices, GroupNormDesc d) {
  const int32_t channels = d.c / d.groups;
  for (int64_t row = first_row(); row < int64_t{d.n} * d.groups; row += row_step()) {
    const int64_t sample = row / d.groups;
    float sum = 0, product = 0;
    for (int32_t i = warp_lane(); i < slices * channels; i += 32) {
      const int32_t column = static_cast<int32_t>(row % d.groups) * channels + i % channels;
      const float* from = partial + (sample * slices + i / channels) * 2 * d.c + column;
      sum += from[0] * gamma[column];
      product += from[d.c] * gamma[column];
    }
    sum = warp_sum(sum);
    product = warp_sum(product);
    if (warp_lane() == 0) {
      sums[row * 2] = sum;
      sums[row * 2 + 1] = product;
    }
  }
}

// dx = invstd * (g - mean of g - z * mean of g z), z being the normalised value, the means over the group. dx may be dy.
struct DataGradient {
  float* dx;
  const float* sums;
  Saved s;
  float share;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const int64_t at = int64_t{row} * s.d.c + channel, group = s.group_of(row / s.d.pixels, channel);
    const Pack<V> x = load<V>(s.x + at), gamma = load<V>(s.gamma + channel);
    const float mean = s.mean[group], invstd = s.invstd[group], sum = sums[group * 2], product = sums[group * 2 + 1];
    Pack<V> g = load<V>(s.dy + at);
    for (int v = 0; v < V; ++v) g.v[v] = invstd * (g.v[v] * gamma.v[v] - (sum + (x.v[v] - mean) * invstd * product) * share);
    store<V>(dx + at, g);
  }
};

}  // namespace

void groupnorm_forward(Context& ctx, float* y, float* mean_or_null, float* invstd_or_null, const float* x, const float* gamma, const float* beta,
                       const GroupNormDesc& desc) {
  const int32_t channels = desc.c / desc.groups, size = std::min<int32_t>(desc.groups, static_cast<int32_t>(divide_up(16, channels)));
  const int64_t blocks = desc.n * divide_up(desc.groups, size);
  if (blocks > 0) {
    const auto kernel = vectorizable(channels, y, x, gamma, beta) ? forward_kernel<4> : forward_kernel<1>;
    kernel<<<static_cast<unsigned>(blocks), kThreads, 0, ctx.stream>>>(y, mean_or_null, invstd_or_null, x, gamma, beta, desc, size);
  }
  check_launch("groupnorm_forward", desc);
}

void groupnorm_apply(Context& ctx, float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta,
                     const GroupNormDesc& desc) {
  launch_pixels(ctx, int64_t{desc.n} * desc.pixels, desc.c, vectorizable(desc.c / desc.groups, y, x, gamma, beta),
                Apply{y, x, mean, invstd, gamma, beta, desc});
  check_launch("groupnorm_apply", desc);
}

void groupnorm_backward(Context& ctx, float* dx_or_null, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd,
                        const float* gamma, const float* dy, const GroupNormDesc& desc, Workspace workspace) {
  require_workspace("groupnorm_backward", groupnorm_backward_workspace(desc), workspace);
  const Saved saved{x, dy, mean, invstd, gamma, desc};
  const int32_t slices = cuda::groupnorm_slices(desc), chunks = desc.n * slices, channels = desc.c / desc.groups;
  float *partial = static_cast<float*>(workspace.data), *sums = partial + int64_t{chunks} * 2 * desc.c;
  if (chunks > 0) {
    const dim3 grid(static_cast<unsigned>(chunks), static_cast<unsigned>(divide_up(desc.c, kColumns)));
    sums_kernel<<<grid, kThreads, 0, ctx.stream>>>(partial, saved, slices);
  }
  join_partial_pairs(ctx, dbeta, dgamma, partial, chunks, desc.c);
  if (dx_or_null != nullptr && chunks > 0) {
    group_sums_kernel<<<row_blocks(int64_t{desc.n} * desc.groups), kThreads, 0, ctx.stream>>>(sums, partial, gamma, slices, desc);
    const float share = 1.0f / (static_cast<float>(desc.pixels) * static_cast<float>(channels));
    launch_pixels(ctx, int64_t{desc.n} * desc.pixels, desc.c, vectorizable(channels, dx_or_null, x, dy, gamma),
                  DataGradient{dx_or_null, sums, saved, share});
  }
  check_launch("groupnorm_backward", desc);
}

size_t groupnorm_backward_workspace(const GroupNormDesc& desc) { return cuda::groupnorm_backward_workspace(desc); }

}  // namespace netrt
