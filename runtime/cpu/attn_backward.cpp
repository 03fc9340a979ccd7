// Attention without its t x t matrices, backward (Dao et al. 2022, arXiv:2205.14135): the probabilities are made again from the logarithm of
// each softmax's sum.
#include <cmath>

#include "../elementary.h"
#include "attn_tile.h"
#include "drop_mask.h"
#include "parallel.h"
#include "tile_pack.h"

namespace netrt {
namespace {

/// Queries whose scores are made at once.
constexpr int64_t score_rows = 48;

/// What a thread has in the workspace. Of a key tile: keys and values in panels, scaled keys in rows, and their gradients;
/// of some queries: scaled queries, the gradient of their outputs, and theirs.
struct Tiles {
  float *key_panels, *value_panels, *keys, *dkeys, *dvalues, *queries, *dout, *dqueries;

  static size_t bytes(const AttnShape& s) { return round_workspace(sizeof(float) * static_cast<size_t>(5 * key_tile + 3 * score_rows) * s.columns); }
  Tiles(float* part, const AttnShape& s)
      : key_panels(part), value_panels(key_panels + key_tile * s.columns), keys(value_panels + key_tile * s.columns), dkeys(keys + key_tile * s.columns),
        dvalues(dkeys + key_tile * s.columns), queries(dvalues + key_tile * s.columns), dout(queries + score_rows * s.columns),
        dqueries(dout + score_rows * s.columns) {}
};

ThreadParts parts_of(const AttnDesc& d) {
  return {round_workspace(sizeof(float) * static_cast<size_t>(d.n) * d.heads * d.t), Tiles::bytes(AttnShape(d))};
}

/// What the backward pass reads; `dots` are the sums of dy * y of each head's row.
struct Input {
  const float *qkv, *lse, *dots, *dy;
};

/// The probabilities of a query from its scores, and the gradient of its scores from that of its probabilities, which it replaces. With
/// dropping, `probabilities` then are what the values were multiplied with. Whole panels, of which the query sees `visible` keys.
void score_gradient(float* probabilities, float* gradient, int64_t visible, int64_t columns, float lse, float dot, const float* factors_or_null) {
  for (int64_t first = 0; first < columns; first += tile_columns) {
    float *p = probabilities + first, *g = gradient + first;
    if (factors_or_null == nullptr) {
#pragma omp simd
      for (int64_t j = 0; j < tile_columns; ++j) {
        p[j] = vector_exp(p[j] - lse);
        g[j] = p[j] * (g[j] - dot);
      }
    } else {
#pragma omp simd
      for (int64_t j = 0; j < tile_columns; ++j) {
        const float kept = vector_exp(p[j] - lse);
        g[j] = kept * (g[j] * factors_or_null[first + j] - dot);
        p[j] = kept * factors_or_null[first + j];
      }
    }
  }
  std::fill(probabilities + visible, probabilities + columns, 0.0f);
  std::fill(gradient + visible, gradient + columns, 0.0f);
}

/// One head of one sample.
struct Head {
  int64_t sample, head;
};

/// What `rows` queries from `query` on add to the gradients of a tile of keys and values, and what these add to theirs.
void backward_tile(float* dqkv, const Input& in, const Tiles& tiles, const Head& at, int64_t query, int64_t rows, int64_t key,
                   int64_t keys, const AttnDesc& desc, const AttnShape& s, const DropMask& mask) {
  alignas(64) float probabilities[score_rows * key_tile], gradient[score_rows * key_tile];
  copy_rows(tiles.queries, in.qkv + s.query(at.sample, at.head) + query * s.pitch, s.pitch, rows, s.scale, s);
  copy_rows(tiles.dout, in.dy + s.out(at.sample, at.head) + query * s.out_pitch, s.out_pitch, rows, 1.0f, s);
  const int64_t panel = s.size * tile_columns;
  multiply(probabilities, key_tile, false, {tiles.queries, s.columns, 1}, {tiles.key_panels, panel, tile_columns}, rows, panel_columns(keys), s.size);
  multiply(gradient, key_tile, false, {tiles.dout, s.columns, 1}, {tiles.value_panels, panel, tile_columns}, rows, panel_columns(keys), s.size);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t row = (at.sample * s.heads + at.head) * s.t + query + i;
    const int64_t visible = desc.causal != 0 ? std::clamp<int64_t>(query + i - key + 1, 0, keys) : keys;
    float factors[key_tile] = {};
    if (desc.p > 0) mask.factors(factors, row * s.t + key, visible);
    score_gradient(probabilities + i * key_tile, gradient + i * key_tile, visible, panel_columns(keys), in.lse[row], in.dots[row],
                   desc.p > 0 ? factors : nullptr);
  }
  multiply(tiles.dvalues, s.columns, true, {probabilities, 1, key_tile}, {tiles.dout, tile_columns, s.columns}, keys, s.columns, rows);
  multiply(tiles.dkeys, s.columns, true, {gradient, 1, key_tile}, {tiles.queries, tile_columns, s.columns}, keys, s.columns, rows);
  multiply(tiles.dqueries, s.columns, false, {gradient, key_tile, 1}, {tiles.keys, tile_columns, s.columns}, rows, s.columns, keys);
  for (int64_t i = 0; i < rows; ++i) {
    float* to = dqkv + s.query(at.sample, at.head) + (query + i) * s.pitch;
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
void backward_head(float* dqkv, const Input& in, const Tiles& tiles, int64_t sample, int64_t kv_head, const AttnDesc& desc,
                   const AttnShape& s, const DropMask& mask) {
  for (int64_t key = 0; key < s.t; key += key_tile) {
    const int64_t keys = std::min(key_tile, s.t - key), key_at = s.key(sample, kv_head) + key * s.pitch, value_at = s.value(sample, kv_head) + key * s.pitch;
    pack_rows(tiles.key_panels, in.qkv + key_at, s.pitch, keys, s.size);
    pack_rows(tiles.value_panels, in.qkv + value_at, s.pitch, keys, s.size);
    copy_rows(tiles.keys, in.qkv + key_at, s.pitch, keys, s.scale, s);
    std::fill(tiles.dkeys, tiles.dkeys + keys * s.columns, 0.0f);
    std::fill(tiles.dvalues, tiles.dvalues + keys * s.columns, 0.0f);
    for (int64_t head = kv_head * s.group; head < (kv_head + 1) * s.group; ++head) {
      for (int64_t query = desc.causal != 0 ? key / score_rows * score_rows : 0; query < s.t; query += score_rows) {
        backward_tile(dqkv, in, tiles, {sample, head}, query, std::min(score_rows, s.t - query), key, keys, desc, s, mask);
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

size_t attn_backward_workspace(const AttnDesc& desc) { return parts_of(desc).bytes(omp_get_max_threads()); }

void attn_backward(Context& ctx, float* dqkv, const float* qkv, const float* y, const float* lse, const float* dy, const AttnDesc& desc,
                   Workspace workspace) {
  const AttnShape s(desc);
  const ThreadParts parts = parts_of(desc);
  require_workspace("attn_backward", parts.bytes(1), workspace);
  float* dots = static_cast<float*>(workspace.data);
  row_dots(dots, y, dy, desc, s);
  const DropMask mask(ctx, desc.p, desc.stream);
  const auto work = [&](int64_t begin, int64_t end) {
    const Tiles mine(parts.part(workspace, omp_get_thread_num()), s);
    for (int64_t i = begin; i < end; ++i) backward_head(dqkv, {qkv, lse, dots, dy}, mine, i / s.kv_heads, i % s.kv_heads, desc, s, mask);
  };
  parallel_for(desc.n * s.kv_heads, s.t * s.t * s.size, work, parts.threads(workspace));
}

}  // namespace netrt
