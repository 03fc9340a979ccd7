// Attention without a t x t tensor (Dao et al. 2022, arXiv:2205.14135; Rabe and Staats 2021, arXiv:2112.05682). docs/decisions has why it is ours.
#include <cmath>

#include "../random.h"
#include "attn_tile.h"
#include "softmax_row.h"
#include "workspace.h"

namespace netrt {
namespace {

// What is the same for every block. Blocks find their work from it and their index without a division, so that where things stand is known to
// be the same for all threads and takes none of their registers.
struct Attention {
  AttnDesc d;
  float scale, keep;  // of scores; of probabilities that are kept
  int32_t seed_low, seed_high;
  uint64_t stream, heads_a_kv;    // the second: 2^32 / (query heads that share a key head), rounded up
  int64_t width, y_width;         // values of a token's row of qkv, and of y
  int32_t sample, column;         // the launch's first sample and first column of a head
  bool vectors;                   // head size and pointers allow four values at a time
  __device__ MatrixOperand<true> rows(const float* from, int64_t stride) const { return {from, stride, d.t, vectors}; }
  __device__ MatrixOperand<false> columns(const float* from, int64_t stride) const { return {from, stride, d.size, vectors}; }
  __device__ bool visible(int32_t query, int32_t key) const { return key < d.t && (d.causal == 0 || key <= query); }
};

// Where one query head of one sample finds what it needs.
struct Head {
  const float *queries, *keys, *values;  // rows of a.width
  int64_t y, line;                       // offsets: into y or dy, rows of a.y_width; into lse
  __device__ Head(const float* qkv, const Attention& a, int32_t sample, int32_t head) {
    const int32_t kv = static_cast<int32_t>(static_cast<uint64_t>(head) * a.heads_a_kv >> 32);
    queries = qkv + sample * (a.d.t * a.width) + int64_t{head} * a.d.size;
    keys = queries + int64_t{a.d.heads - head + kv} * a.d.size;
    values = keys + int64_t{a.d.kv_heads} * a.d.size;
    y = sample * (a.d.t * a.y_width) + int64_t{head} * a.d.size;
    line = (int64_t{sample} * a.d.heads + head) * a.d.t;
  }
};

// Which of the probabilities of four keys of a query are kept: bit j for the j-th; element `first` of the stream belongs to the first.
__device__ inline unsigned kept_four(const Attention& a, int64_t first) {
  const int shift = static_cast<int>(first % 4);
  const uint64_t seed = static_cast<uint64_t>(static_cast<uint32_t>(opaque(a.seed_high))) << 32 | static_cast<uint32_t>(opaque(a.seed_low));
  unsigned kept = 0;
  for (int block = 0; block < (shift == 0 ? 1 : 2); ++block) {
    const Random4 random = philox(seed, a.stream, static_cast<uint64_t>(first / 4 + block));
    for (int j = 0; j < 4; ++j) kept |= (uniform01(random.v[j]) >= a.d.p ? 1u : 0u) << (4 * block + j);
  }
  return kept >> shift;
}

// What the softmax knows of each query of a tile after the keys so far.
struct Rows {
  float highest[kAttnSide], sum[kAttnSide];  // the sum is of exp(score - highest)
  float shrink[kAttnSide];                   // what the last tile's keys made of 1 in units of the highest
};

// Turns the tile's scores, which the thread itself wrote, into numerators exp(score - highest), and drops. A loop, not unrolled code: the
// thread's results hold most of its registers.
__device__ inline void take_scores(float* scores, Rows& rows, const Attention& a, int64_t line, int32_t first_query, int32_t first_key) {
  const AttnPlace place;
#pragma unroll 1
  for (int i = 0; i < kAttnRows; ++i) {
    const int32_t row = place.row + i, key = first_key + place.column;
    Pack<4> s = load<4>(scores + place.own(i));
    float highest = -INFINITY, sum = 0;
    for (int j = 0; j < 4; ++j) {
      s.v[j] = a.visible(first_query + row, key + j) ? s.v[j] * a.scale : -INFINITY;
      highest = fmaxf(highest, s.v[j]);
    }
    const float before = rows.highest[row];
    highest = fmaxf(before, attn_row_max(highest));
    for (int j = 0; j < 4; ++j) {
      s.v[j] = expf(s.v[j] - highest);
      sum += s.v[j];
    }
    sum = attn_row_sum(sum);
    if (place.column == 0) {
      rows.shrink[row] = expf(before - highest);
      rows.highest[row] = highest;
      rows.sum[row] = rows.sum[row] * rows.shrink[row] + sum;
    }
    if (a.d.p > 0) {
      const unsigned kept = kept_four(a, (line + first_query + row) * a.d.t + key);
      for (int j = 0; j < 4; ++j) s.v[j] = (kept >> j & 1) != 0 ? s.v[j] * a.keep : 0.0f;
    }
    store<4>(scores + place.own(i), s);
  }
  __syncwarp();
}

template <int Groups>
__device__ inline void shrink_rows(float (&out)[kAttnRows][4 * Groups], const Rows& rows) {
  const AttnPlace place;
  for (int i = 0; i < kAttnRows; ++i) {
    for (int j = 0; j < 4 * Groups; ++j) out[i][j] *= rows.shrink[place.row + i];
  }
}

template <int Groups>
__global__ void __launch_bounds__(kAttnThreads) forward_kernel(float* y, float* lse_or_null, const float* qkv, Attention a) {
  __shared__ __align__(16) float scores[kAttnTile], slices[kAttnSlices];
  __shared__ Rows rows;
  const int32_t first = static_cast<int32_t>(gridDim.x - 1 - blockIdx.x) * kAttnSide;  // those with the most keys to see start first
  const Head head(qkv, a, a.sample + static_cast<int32_t>(blockIdx.z), static_cast<int32_t>(blockIdx.y));
  for (int32_t row = static_cast<int32_t>(threadIdx.x); row < kAttnSide; row += kAttnThreads) {
    rows.highest[row] = -INFINITY;
    rows.sum[row] = 0;
  }
  float out[kAttnRows][4 * Groups] = {};
  const int32_t end = a.d.causal != 0 ? min(a.d.t, first + kAttnSide) : a.d.t;
  for (int32_t key = 0; key < end; key += kAttnSide) {
    float s[kAttnRows][kAttnColumns] = {};
    attn_products(s, a.rows(head.queries, a.width), first, a.rows(head.keys, a.width), key, a.d.size, slices);
    attn_store(scores, s);
    take_scores(scores, rows, a, head.line, first, key);
    shrink_rows<Groups>(out, rows);
    attn_accumulate_keys<Groups>(out, scores, a.columns(head.values, a.width), a.column, key, min(kAttnSide, end - key), slices);
  }
  float factor[kAttnRows];
  for (int i = 0; i < kAttnRows; ++i) factor[i] = 1.0f / rows.sum[AttnPlace().row + i];
  attn_write<Groups>(y + head.y + first * a.y_width, a.y_width, a.d.t - first, a.d.size, a.column, a.vectors, out, factor);
  const int32_t row = static_cast<int32_t>(threadIdx.x), query = first + row;
  if (lse_or_null != nullptr && row < kAttnSide && query < a.d.t && a.column == 0) lse_or_null[head.line + query] = rows.highest[row] + logf(rows.sum[row]);
}

// What the backward pass reads besides the head's rows.
struct Saved {
  const float *dy, *lse, *delta;  // delta: for every row the sum of dy * y, which is that of probability * its gradient
};

// Turns the tile's scores, which the thread itself wrote, into probabilities by lse. A dropped one has a minus sign. Rows of queries behind the
// last are of zeros and give nothing.
__device__ inline void take_probabilities(float* scores, const float* lse, const Attention& a, int64_t line, int32_t first_query, int32_t first_key) {
  const AttnPlace place;
#pragma unroll 1
  for (int i = 0; i < kAttnRows; ++i) {
    const int32_t query = first_query + place.row + i, key = first_key + place.column;
    const float known = query < a.d.t ? lse[line + query] : 0.0f;
    Pack<4> p = load<4>(scores + place.own(i));
    for (int j = 0; j < 4; ++j) p.v[j] = a.visible(query, key + j) ? expf(p.v[j] * a.scale - known) : 0.0f;
    if (a.d.p > 0) {
      const unsigned kept = kept_four(a, (line + query) * a.d.t + key);
      for (int j = 0; j < 4; ++j) p.v[j] = (kept >> j & 1) != 0 ? p.v[j] : -p.v[j];
    }
    store<4>(scores + place.own(i), p);
  }
}

// For one tile: ds, the gradient of the scaled scores times the scale, with the probabilities made again from lse. The probabilities, dropped
// as in the forward pass, stay in `scores`, where the thread wrote them.
__device__ inline void score_gradients(float (&ds)[kAttnRows][kAttnColumns], float* scores, const Head& head, const Saved& saved, const Attention& a,
                                       int32_t first_query, int32_t first_key, float* slices) {
  attn_products(ds, a.rows(head.queries, a.width), first_query, a.rows(head.keys, a.width), first_key, a.d.size, slices);
  attn_store(scores, ds);
  take_probabilities(scores, saved.lse, a, head.line, first_query, first_key);
  for (int i = 0; i < kAttnRows; ++i) {
    for (int j = 0; j < kAttnColumns; ++j) ds[i][j] = 0;
  }
  attn_products(ds, a.rows(saved.dy + head.y, a.y_width), first_query, a.rows(head.values, a.width), first_key, a.d.size, slices);
  const AttnPlace place;
  for (int i = 0; i < kAttnRows; ++i) {
    const int32_t query = first_query + place.row + i;
    const float delta = query < a.d.t ? saved.delta[head.line + query] : 0.0f;
    Pack<4> p = load<4>(scores + place.own(i));
    for (int j = 0; j < kAttnColumns; ++j) {
      const float dropped = p.v[j] < 0 ? 0.0f : a.keep;
      ds[i][j] = fabsf(p.v[j]) * (ds[i][j] * dropped - delta) * a.scale;
      p.v[j] *= dropped;
    }
    store<4>(scores + place.own(i), p);
  }
}

__device__ inline void ones(float (&factor)[kAttnRows]) {
  for (int i = 0; i < kAttnRows; ++i) factor[i] = 1;
}

// By tiles of queries: dq = ds k.
template <int Groups>
__global__ void __launch_bounds__(kAttnThreads) query_gradient_kernel(float* dqkv, const float* qkv, Saved saved, Attention a) {
  __shared__ __align__(16) float scores[kAttnTile], slices[kAttnSlices];
  const int32_t first = static_cast<int32_t>(gridDim.x - 1 - blockIdx.x) * kAttnSide;  // those with the most keys to see start first
  const Head head(qkv, a, a.sample + static_cast<int32_t>(blockIdx.z), static_cast<int32_t>(blockIdx.y));
  float out[kAttnRows][4 * Groups] = {}, factor[kAttnRows];
  const int32_t end = a.d.causal != 0 ? min(a.d.t, first + kAttnSide) : a.d.t;
  for (int32_t key = 0; key < end; key += kAttnSide) {
    float ds[kAttnRows][kAttnColumns] = {};
    score_gradients(ds, scores, head, saved, a, first, key, slices);
    attn_store(scores, ds);
    attn_accumulate_keys<Groups>(out, scores, a.columns(head.keys, a.width), a.column, key, min(kAttnSide, end - key), slices);
  }
  ones(factor);
  float* to = dqkv + (head.queries - qkv) + first * a.width;
  attn_write<Groups>(to, a.width, a.d.t - first, a.d.size, a.column, a.vectors, out, factor);
}

// By tiles of keys: dv = probabilities^T dy and dk = ds^T q, over the query heads that read them, one after the other.
template <int Groups>
__global__ void __launch_bounds__(kAttnThreads) key_value_gradient_kernel(float* dqkv, const float* qkv, Saved saved, Attention a) {
  __shared__ __align__(16) float scores[kAttnTile], slices[kAttnSlices];
  const int32_t first = static_cast<int32_t>(blockIdx.x) * kAttnSide, sample = a.sample + static_cast<int32_t>(blockIdx.z);
  const int32_t shared = a.d.heads / a.d.kv_heads;
  float dk[kAttnRows][4 * Groups] = {}, dv[kAttnRows][4 * Groups] = {}, factor[kAttnRows];
  for (int32_t i = 0; i < shared; ++i) {
    const Head head(qkv, a, sample, static_cast<int32_t>(blockIdx.y) * shared + i);
    for (int32_t query = a.d.causal != 0 ? first : 0; query < a.d.t; query += kAttnSide) {
      const int32_t count = min(kAttnSide, a.d.t - query);
      float ds[kAttnRows][kAttnColumns] = {};
      score_gradients(ds, scores, head, saved, a, query, first, slices);
      attn_accumulate_queries<Groups>(dv, scores, a.columns(saved.dy + head.y, a.y_width), a.column, query, count, slices);
      attn_store(scores, ds);
      attn_accumulate_queries<Groups>(dk, scores, a.columns(head.queries, a.width), a.column, query, count, slices);
    }
  }
  ones(factor);
  const Head head(qkv, a, sample, static_cast<int32_t>(blockIdx.y) * shared);
  const int64_t rows = first * a.width;
  attn_write<Groups>(dqkv + (head.keys - qkv) + rows, a.width, a.d.t - first, a.d.size, a.column, a.vectors, dk, factor);
  attn_write<Groups>(dqkv + (head.values - qkv) + rows, a.width, a.d.t - first, a.d.size, a.column, a.vectors, dv, factor);
}

// One warp a row of y.
__global__ void __launch_bounds__(kThreads) delta_kernel(float* delta, const float* y, const float* dy, AttnDesc d) {
  const int32_t rows = d.n * d.t * d.heads;
  for (int64_t at = first_row(); at < rows; at += row_step()) {
    const int32_t row = static_cast<int32_t>(at), head = row % d.heads, token = row / d.heads % d.t, sample = row / d.heads / d.t;
    float sum = 0;
    for (int32_t j = warp_lane(); j < d.size; j += 32) sum += y[at * d.size + j] * dy[at * d.size + j];
    sum = warp_sum(sum);
    if (warp_lane() == 0) delta[(int64_t{sample} * d.heads + head) * d.t + token] = sum;
  }
}

Attention attention(const Context& ctx, const AttnDesc& d, bool vectors) {
  const uint64_t shared = static_cast<uint64_t>(d.heads / d.kv_heads);
  Attention a{};
  a.d = d;
  a.scale = 1.0f / std::sqrt(static_cast<float>(d.size));
  a.keep = d.p < 1.0f ? 1.0f / (1.0f - d.p) : 0.0f;
  a.seed_low = static_cast<int32_t>(ctx.run.seed);
  a.seed_high = static_cast<int32_t>(ctx.run.seed >> 32);
  a.stream = drop_stream(d.stream, ctx.run.micro_step);
  a.heads_a_kv = ((uint64_t{1} << 32) + shared - 1) / shared;
  a.width = int64_t{d.heads + 2 * d.kv_heads} * d.size;
  a.y_width = int64_t{d.heads} * d.size;
  a.vectors = vectors;
  return a;
}

// Calls launch(grid, a) for parts of `columns` columns of a head and at most 65535 samples, as many as a grid takes.
template <class Launch>
void for_each_part(Attention a, int32_t heads, int32_t columns, const Launch& launch) {
  const unsigned tiles = static_cast<unsigned>(divide_up(a.d.t, kAttnSide));
  for (a.column = 0; a.column < a.d.size; a.column += columns) {
    for (a.sample = 0; a.sample < a.d.n; a.sample += 65535) {
      launch(dim3(tiles, static_cast<unsigned>(heads), static_cast<unsigned>(std::min(65535, a.d.n - a.sample))), a);
    }
  }
}

}  // namespace

// A block keeps 64, 128 or 256 columns of its results in registers; a head that is longer still takes several blocks.
void attn_forward(Context& ctx, float* y, float* lse_or_null, const float* qkv, const AttnDesc& desc, Workspace) {
  const Attention a = attention(ctx, desc, vectorizable(desc.size, y, qkv));
  const int32_t groups = desc.size <= 64 ? 1 : desc.size <= 128 ? 2 : 4;
  const auto kernel = groups == 1 ? forward_kernel<1> : groups == 2 ? forward_kernel<2> : forward_kernel<4>;
  for_each_part(a, desc.heads, 64 * groups, [&](dim3 grid, const Attention& part) {
    kernel<<<grid, kAttnThreads, 0, ctx.stream>>>(y, lse_or_null, qkv, part);
  });
  check_launch("attn_forward", desc);
}

void attn_backward(Context& ctx, float* dqkv, const float* qkv, const float* y, const float* lse, const float* dy, const AttnDesc& desc,
                   Workspace workspace) {
  require_workspace("attn_backward", attn_backward_workspace(desc), workspace);
  const Attention a = attention(ctx, desc, vectorizable(desc.size, dqkv, qkv, dy));
  float* delta = static_cast<float*>(workspace.data);
  const Saved saved{dy, lse, delta};
  const int32_t groups = desc.size <= 64 ? 1 : desc.size <= 128 ? 2 : 4, pairs = std::min(groups, 2);
  const auto queries = groups == 1 ? query_gradient_kernel<1> : groups == 2 ? query_gradient_kernel<2> : query_gradient_kernel<4>;
  const auto keys = pairs == 1 ? key_value_gradient_kernel<1> : key_value_gradient_kernel<2>;
  if (desc.n > 0) {
    delta_kernel<<<row_blocks(int64_t{desc.n} * desc.t * desc.heads), kThreads, 0, ctx.stream>>>(delta, y, dy, desc);
    for_each_part(a, desc.heads, 64 * groups, [&](dim3 grid, const Attention& part) {
      queries<<<grid, kAttnThreads, 0, ctx.stream>>>(dqkv, qkv, saved, part);
    });
    for_each_part(a, desc.kv_heads, 64 * pairs, [&](dim3 grid, const Attention& part) {
      keys<<<grid, kAttnThreads, 0, ctx.stream>>>(dqkv, qkv, saved, part);
    });
  }
  check_launch("attn_backward", desc);
}

size_t attn_forward_workspace(const AttnDesc& desc) { return cuda::attn_forward_workspace(desc); }
size_t attn_backward_workspace(const AttnDesc& desc) { return cuda::attn_backward_workspace(desc); }

}  // namespace netrt
