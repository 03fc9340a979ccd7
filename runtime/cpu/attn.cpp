// Attention without its t x t matrices. Forward: Milakov and Gimelshein 2018 (arXiv:1805.02867), the softmax's highest score and sum as they
// stand so far. Backward: Dao et al. 2022 (arXiv:2205.14135), the probabilities again from the logarithm of that sum.
#include <cmath>

#include "attn_tile.h"
#include "parallel.h"
#include "vector_math.h"

namespace netrt {
namespace {

/// Queries that go through all keys together, and those among them whose scores are made at once.
constexpr int64_t query_tile = 96, score_rows = 48;

/// A tile of scores, probabilities or their gradients, on the stack.
using Scores = float[score_rows * key_tile];

/// What a thread of the forward pass has in the workspace: scaled queries and sums of values of a query tile; keys and values of a key tile.
struct ForwardTiles {
  float *queries, *sums, *keys, *values;

  static size_t bytes(const AttnShape& s) { return round_workspace(sizeof(float) * static_cast<size_t>(2 * query_tile + 2 * key_tile) * s.columns); }
  ForwardTiles(float* part, const AttnShape& s)
      : queries(part), sums(queries + query_tile * s.columns), keys(sums + query_tile * s.columns), values(keys + key_tile * s.columns) {}
};

/// The softmax of each query so far: probabilities are relative to `highest`, `sum` is theirs.
struct Running {
  float highest[query_tile], sum[query_tile];
};

/// Makes scores[0, count) of a query exponentials, 0 where it sees no key, and takes them into its softmax. Returns the factor by which what
/// was summed before is to be multiplied.
float soften(float* scores, int64_t visible, int64_t count, float& highest, float& sum) {
  float top = highest;
#pragma omp simd reduction(max : top)
  for (int64_t j = 0; j < visible; ++j) top = std::max(top, scores[j]);
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t j = 0; j < visible; ++j) {
    scores[j] = vector_exp(scores[j] - top);
    total += scores[j];
  }
  std::fill(scores + visible, scores + count, 0.0f);
  const float factor = highest == top ? 1.0f : vector_exp(highest - top);
  highest = top;
  sum = sum * factor + total;
  return factor;
}

/// One head of one sample.
struct Head {
  int64_t sample, head, kv_head;
};

/// Takes a tile of keys and values into the sums of `rows` queries from `query` on; `row`: the first of them in the query tile.
void attend(const ForwardTiles& tiles, Running& running, const Head& head, int64_t query, int64_t row, int64_t rows, int64_t key, int64_t keys,
            const AttnDesc& desc, const AttnShape& s, const AttnDrop& drop) {
  alignas(64) Scores scores;
  multiply(scores, key_tile, false, {tiles.queries + row * s.columns, s.columns, 1}, {tiles.keys, s.size * tile_columns, tile_columns}, rows,
           panel_columns(keys), s.size);
  for (int64_t i = 0; i < rows; ++i) {
    float* line = scores + i * key_tile;
    const int64_t visible = visible_keys(desc, query + i, key, keys);
    const float factor = soften(line, visible, keys, running.highest[row + i], running.sum[row + i]);
    float* sums = tiles.sums + (row + i) * s.columns;
    if (factor != 1.0f) {
#pragma omp simd
      for (int64_t j = 0; j < s.columns; ++j) sums[j] *= factor;
    }
    if (!drop.drops()) continue;
    float factors[key_tile];
    drop.factors(factors, (head.sample * s.heads + head.head) * s.t + query + i, key, visible);
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) line[j] *= factors[j];
  }
  multiply(tiles.sums + row * s.columns, s.columns, true, {scores, key_tile, 1}, {tiles.values, tile_columns, s.columns}, rows, s.columns, keys);
}

/// The outputs of the queries [first, first + count) of a head.
void forward_queries(float* y, float* lse_or_null, const float* qkv, const ForwardTiles& tiles, const Head& head, int64_t first, int64_t count,
                     const AttnDesc& desc, const AttnShape& s, const AttnDrop& drop) {
  Running running;
  std::fill(running.highest, running.highest + count, -INFINITY);
  std::fill(running.sum, running.sum + count, 0.0f);
  std::fill(tiles.sums, tiles.sums + count * s.columns, 0.0f);
  copy_rows(tiles.queries, qkv + s.query(head.sample, head.head) + first * s.pitch, s.pitch, count, 1.0f / std::sqrt(static_cast<float>(s.size)), s);
  const int64_t last = desc.causal != 0 ? first + count : s.t;
  for (int64_t key = 0; key < last; key += key_tile) {
    const int64_t keys = std::min(key_tile, last - key);
    transpose_rows(tiles.keys, qkv + s.key(head.sample, head.kv_head) + key * s.pitch, s.pitch, keys, s);
    copy_rows(tiles.values, qkv + s.value(head.sample, head.kv_head) + key * s.pitch, s.pitch, keys, 1.0f, s);
    for (int64_t row = 0; row < count; row += score_rows) {
      const int64_t rows = std::min(score_rows, count - row);
      if (desc.causal != 0 && first + row + rows <= key) continue;  // none of them sees these keys
      attend(tiles, running, head, first + row, row, rows, key, keys, desc, s, drop);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    float* out = y + s.out(head.sample, head.head) + (first + i) * s.out_pitch;
    const float factor = 1.0f / running.sum[i];
#pragma omp simd
    for (int64_t j = 0; j < s.size; ++j) out[j] = tiles.sums[i * s.columns + j] * factor;
    if (lse_or_null != nullptr) {
      lse_or_null[(head.sample * s.heads + head.head) * s.t + first + i] = running.highest[i] + std::log(running.sum[i]);
    }
  }
}

/// What a thread of the backward pass has in the workspace. Of a key tile: keys and values in panels, scaled keys in rows, and their gradients;
/// of some queries: scaled queries, the gradient of their outputs, and theirs.
struct BackwardTiles {
  float *key_panels, *value_panels, *keys, *dkeys, *dvalues, *queries, *dout, *dqueries;

  static size_t bytes(const AttnShape& s) { return round_workspace(sizeof(float) * static_cast<size_t>(5 * key_tile + 3 * score_rows) * s.columns); }
  BackwardTiles(float* part, const AttnShape& s)
      : key_panels(part), value_panels(key_panels + key_tile * s.columns), keys(value_panels + key_tile * s.columns), dkeys(keys + key_tile * s.columns),
        dvalues(dkeys + key_tile * s.columns), queries(dvalues + key_tile * s.columns), dout(queries + score_rows * s.columns),
        dqueries(dout + score_rows * s.columns) {}
};

ThreadParts backward_parts(const AttnDesc& d) {
  return {round_workspace(sizeof(float) * static_cast<size_t>(d.n) * d.heads * d.t), BackwardTiles::bytes(AttnShape(d))};
}

/// What the backward pass reads; `dots` are the sums of dy * y of each head's row.
struct BackwardInput {
  const float *qkv, *lse, *dots, *dy;
};

/// The probabilities of a query from its scores, and the gradient of its scores from that of its probabilities, which it replaces. With
/// dropping, `probabilities` then are what the values were multiplied with.
void score_gradient(float* probabilities, float* gradient, int64_t visible, int64_t count, float lse, float dot, const float* factors_or_null) {
  if (factors_or_null == nullptr) {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) {
      probabilities[j] = vector_exp(probabilities[j] - lse);
      gradient[j] = probabilities[j] * (gradient[j] - dot);
    }
  } else {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) {
      const float p = vector_exp(probabilities[j] - lse);
      gradient[j] = p * (gradient[j] * factors_or_null[j] - dot);
      probabilities[j] = p * factors_or_null[j];
    }
  }
  std::fill(probabilities + visible, probabilities + count, 0.0f);
  std::fill(gradient + visible, gradient + count, 0.0f);
}

/// What `rows` queries from `query` on add to the gradients of a tile of keys and values, and what these add to theirs.
void backward_tile(float* dqkv, const BackwardInput& in, const BackwardTiles& tiles, const Head& head, int64_t query, int64_t rows, int64_t key,
                   int64_t keys, const AttnDesc& desc, const AttnShape& s, const AttnDrop& drop) {
  alignas(64) Scores probabilities, gradient;
  copy_rows(tiles.queries, in.qkv + s.query(head.sample, head.head) + query * s.pitch, s.pitch, rows, 1.0f / std::sqrt(static_cast<float>(s.size)), s);
  copy_rows(tiles.dout, in.dy + s.out(head.sample, head.head) + query * s.out_pitch, s.out_pitch, rows, 1.0f, s);
  const int64_t panel = s.size * tile_columns;
  multiply(probabilities, key_tile, false, {tiles.queries, s.columns, 1}, {tiles.key_panels, panel, tile_columns}, rows, panel_columns(keys), s.size);
  multiply(gradient, key_tile, false, {tiles.dout, s.columns, 1}, {tiles.value_panels, panel, tile_columns}, rows, panel_columns(keys), s.size);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t row = (head.sample * s.heads + head.head) * s.t + query + i, visible = visible_keys(desc, query + i, key, keys);
    float factors[key_tile];
    if (drop.drops()) drop.factors(factors, row, key, visible);
    score_gradient(probabilities + i * key_tile, gradient + i * key_tile, visible, keys, in.lse[row], in.dots[row], drop.drops() ? factors : nullptr);
  }
  multiply(tiles.dvalues, s.columns, true, {probabilities, 1, key_tile}, {tiles.dout, tile_columns, s.columns}, keys, s.columns, rows);
  multiply(tiles.dkeys, s.columns, true, {gradient, 1, key_tile}, {tiles.queries, tile_columns, s.columns}, keys, s.columns, rows);
  multiply(tiles.dqueries, s.columns, false, {gradient, key_tile, 1}, {tiles.keys, tile_columns, s.columns}, rows, s.columns, keys);
  for (int64_t i = 0; i < rows; ++i) {
    float* to = dqkv + s.query(head.sample, head.head) + (query + i) * s.pitch;
    const float* from = tiles.dqueries + i * s.columns;
    if (key == 0) {
      std::copy_n(from, s.size, to);
    } else {
#pragma omp simd
      for (int64_t j = 0; j < s.size; ++j) to[j] += from[j];
    }
  }
}

/// The gradients of one head of keys and values, and of the queries that read it.
void backward_head(float* dqkv, const BackwardInput& in, const BackwardTiles& tiles, int64_t sample, int64_t kv_head, const AttnDesc& desc,
                   const AttnShape& s, const AttnDrop& drop) {
  for (int64_t key = 0; key < s.t; key += key_tile) {
    const int64_t keys = std::min(key_tile, s.t - key), key_at = s.key(sample, kv_head) + key * s.pitch, value_at = s.value(sample, kv_head) + key * s.pitch;
    transpose_rows(tiles.key_panels, in.qkv + key_at, s.pitch, keys, s);
    transpose_rows(tiles.value_panels, in.qkv + value_at, s.pitch, keys, s);
    copy_rows(tiles.keys, in.qkv + key_at, s.pitch, keys, 1.0f / std::sqrt(static_cast<float>(s.size)), s);
    std::fill(tiles.dkeys, tiles.dkeys + keys * s.columns, 0.0f);
    std::fill(tiles.dvalues, tiles.dvalues + keys * s.columns, 0.0f);
    for (int64_t head = kv_head * s.group; head < (kv_head + 1) * s.group; ++head) {
      for (int64_t query = desc.causal != 0 ? key / score_rows * score_rows : 0; query < s.t; query += score_rows) {
        backward_tile(dqkv, in, tiles, {sample, head, kv_head}, query, std::min(score_rows, s.t - query), key, keys, desc, s, drop);
      }
    }
    for (int64_t row = 0; row < keys; ++row) {
      std::copy_n(tiles.dkeys + row * s.columns, s.size, dqkv + key_at + row * s.pitch);
      std::copy_n(tiles.dvalues + row * s.columns, s.size, dqkv + value_at + row * s.pitch);
    }
  }
}

/// dots[(sample * heads + head) * t + token] = sum of dy * y over the head's values: what each score's gradient is lessened by.
void row_dots(float* dots, const float* y, const float* dy, const AttnDesc& desc, const AttnShape& s) {
  parallel_for(int64_t{desc.n} * s.t, s.out_pitch, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t head = 0; head < s.heads; ++head) {
        const float *a = y + row * s.out_pitch + head * s.size, *b = dy + row * s.out_pitch + head * s.size;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < s.size; ++j) sum += a[j] * b[j];
        dots[(row / s.t * s.heads + head) * s.t + row % s.t] = sum;
      }
    }
  });
}

}  // namespace

size_t attn_forward_workspace(const AttnDesc& desc) { return ForwardTiles::bytes(AttnShape(desc)) * static_cast<size_t>(omp_get_max_threads()); }
size_t attn_backward_workspace(const AttnDesc& desc) { return backward_parts(desc).bytes(omp_get_max_threads()); }

void attn_forward(Context& ctx, float* y, float* lse_or_null, const float* qkv, const AttnDesc& desc, Workspace workspace) {
  const AttnShape s(desc);
  const ThreadParts parts{0, ForwardTiles::bytes(s)};
  require_workspace("attn_forward", parts.bytes(1), workspace);
  const AttnDrop drop(ctx, desc);
  const int64_t tiles = (s.t + query_tile - 1) / query_tile;
  const auto work = [&](int64_t begin, int64_t end) {
    const ForwardTiles mine(parts.part(workspace, omp_get_thread_num()), s);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t which = i / tiles, first = i % tiles * query_tile, head = which % s.heads;
      forward_queries(y, lse_or_null, qkv, mine, {which / s.heads, head, head / s.group}, first, std::min(query_tile, s.t - first), desc, s, drop);
    }
  };
  parallel_for(desc.n * s.heads * tiles, query_tile * s.t * s.size, work, parts.threads(workspace));
}

void attn_backward(Context& ctx, float* dqkv, const float* qkv, const float* y, const float* lse, const float* dy, const AttnDesc& desc,
                   Workspace workspace) {
  const AttnShape s(desc);
  const ThreadParts parts = backward_parts(desc);
  require_workspace("attn_backward", parts.bytes(1), workspace);
  float* dots = static_cast<float*>(workspace.data);
  row_dots(dots, y, dy, desc, s);
  const AttnDrop drop(ctx, desc);
  const auto work = [&](int64_t begin, int64_t end) {
    const BackwardTiles mine(parts.part(workspace, omp_get_thread_num()), s);
    for (int64_t i = begin; i < end; ++i) backward_head(dqkv, {qkv, lse, dots, dy}, mine, i / s.kv_heads, i % s.kv_heads, desc, s, drop);
  };
  parallel_for(desc.n * s.kv_heads, s.t * s.t * s.size, work, parts.threads(workspace));
}

}  // namespace netrt
