// Attention without its t x t matrix, forward: the softmax's highest score and sum are kept as they stand so far (Milakov and Gimelshein 2018,
// arXiv:1805.02867), and the sums of values with them (Dao et al. 2022, arXiv:2205.14135). Scores are made transposed, a row for each key, so
// that keys are read where they are and what belongs to a query stays in one lane of a vector.
#include <cmath>

#include "../elementary.h"
#include "attn_tile.h"
#include "drop_mask.h"
#include "parallel.h"
#include "tile_pack.h"

namespace netrt {
namespace {

/// Queries that go through all keys together, and those among them whose scores are made at once: panels of 16.
constexpr int64_t query_tile = 96, score_columns = 48;

/// What a thread has in the workspace: scaled queries in panels, sums of values of each query, values of a key tile.
struct Tiles {
  float *queries, *sums, *values;

  static size_t bytes(const AttnShape& s) { return round_workspace(sizeof(float) * static_cast<size_t>(2 * query_tile + key_tile) * s.columns); }
  Tiles(float* part, const AttnShape& s) : queries(part), sums(queries + query_tile * s.columns), values(sums + query_tile * s.columns) {}
};

/// The softmax of each query so far: probabilities are relative to `highest`, `sum` is theirs.
struct Running {
  float highest[query_tile], sum[query_tile];
};

/// The queries [first, first + count) of one head of one sample.
struct Queries {
  int64_t sample, head, first, count;
};

/// Makes a panel's scores, score_columns apart, exponentials, and takes them into its queries' softmax. factors: by what the queries' sums so
/// far are to be multiplied.
void soften(float* scores, int64_t keys, float* highest, float* sum, float* factors) {
  float top[tile_columns], total[tile_columns] = {};
  std::copy_n(highest, tile_columns, top);
  for (int64_t key = 0; key < keys; ++key) {
    const float* line = scores + key * score_columns;
#pragma omp simd
    for (int64_t j = 0; j < tile_columns; ++j) top[j] = top[j] < line[j] ? line[j] : top[j];
  }
  for (int64_t key = 0; key < keys; ++key) {
    float* line = scores + key * score_columns;
#pragma omp simd
    for (int64_t j = 0; j < tile_columns; ++j) {
      line[j] = vector_exp(line[j] - top[j]);
      total[j] += line[j];
    }
  }
#pragma omp simd
  for (int64_t j = 0; j < tile_columns; ++j) {
    factors[j] = vector_exp(highest[j] - top[j]);
    sum[j] = sum[j] * factors[j] + total[j];
    highest[j] = top[j];
  }
}

/// Takes from the queries from `query` on the scores of keys behind them; the panel's last query sees one key at least.
void hide(float* scores, int64_t query, int64_t key, int64_t keys) {
  for (int64_t k = std::max<int64_t>(query - key + 1, 0); k < keys; ++k) {
#pragma omp simd
    for (int64_t j = 0; j < tile_columns; ++j) scores[k * score_columns + j] = query + j < key + k ? -INFINITY : scores[k * score_columns + j];
  }
}

/// Drops probabilities of `rows` queries; `row` is (sample * heads + head) * t + query of the first.
void drop_scores(float* scores, int64_t row, int64_t rows, int64_t key, int64_t keys, int64_t t, const DropMask& mask) {
  float factors[key_tile];
  for (int64_t i = 0; i < rows; ++i) {
    mask.factors(factors, (row + i) * t + key, keys);
    for (int64_t k = 0; k < keys; ++k) scores[k * score_columns + i] *= factors[k];
  }
}

/// One call: what it reads and writes.
struct Pass {
  float *y, *lse_or_null;
  const float* qkv;
  const AttnDesc& desc;
  const AttnShape& s;
  DropMask mask;
};

/// Takes `keys` keys from `key` on, and their values, into the sums of `rows` queries, of which the first is number `row` of the query tile.
void attend(const Pass& pass, const Tiles& tiles, Running& running, const Queries& at, int64_t row, int64_t rows, int64_t key, int64_t keys) {
  alignas(64) float scores[key_tile * score_columns];
  const AttnShape& s = pass.s;
  const int64_t query = at.first + row, panel = s.size * tile_columns;
  const Left key_rows{pass.qkv + s.key(at.sample, at.head / s.group) + key * s.pitch, s.pitch, 1};
  multiply(scores, score_columns, false, key_rows, {tiles.queries + row / tile_columns * panel, panel, tile_columns}, keys, panel_columns(rows), s.size);
  for (int64_t first = 0; first < rows; first += tile_columns) {
    if (pass.desc.causal != 0 && query + first < key + keys - 1) hide(scores + first, query + first, key, keys);
    float factors[tile_columns];
    soften(scores + first, keys, running.highest + row + first, running.sum + row + first, factors);
    for (int64_t i = first; i < std::min(rows, first + tile_columns); ++i) {
      float* sums = tiles.sums + (row + i) * s.columns;
      if (factors[i - first] == 1.0f) continue;
#pragma omp simd
      for (int64_t j = 0; j < s.columns; ++j) sums[j] *= factors[i - first];
    }
  }
  if (pass.desc.p > 0) drop_scores(scores, (at.sample * s.heads + at.head) * s.t + query, rows, key, keys, s.t, pass.mask);
  multiply(tiles.sums + row * s.columns, s.columns, true, {scores, 1, score_columns}, {tiles.values, tile_columns, s.columns}, rows, s.columns, keys);
}

/// y and lse of some queries.
void finish(const Pass& pass, const Tiles& tiles, const Running& running, const Queries& at) {
  const AttnShape& s = pass.s;
  for (int64_t i = 0; i < at.count; ++i) {
    float* out = pass.y + s.out(at.sample, at.head) + (at.first + i) * s.out_pitch;
    const float factor = 1.0f / running.sum[i];
#pragma omp simd
    for (int64_t j = 0; j < s.size; ++j) out[j] = tiles.sums[i * s.columns + j] * factor;
    if (pass.lse_or_null == nullptr) continue;
    pass.lse_or_null[(at.sample * s.heads + at.head) * s.t + at.first + i] = running.highest[i] + std::log(running.sum[i]);
  }
}

/// The outputs of some queries.
void attend_all(const Pass& pass, const Tiles& tiles, const Queries& at) {
  const AttnShape& s = pass.s;
  const bool causal = pass.desc.causal != 0;
  Running running;
  std::fill_n(running.highest, query_tile, -INFINITY);
  std::fill_n(running.sum, query_tile, 0.0f);
  std::fill_n(tiles.sums, at.count * s.columns, 0.0f);
  pack_rows(tiles.queries, pass.qkv + s.query(at.sample, at.head) + at.first * s.pitch, s.pitch, at.count, s.size);
#pragma omp simd
  for (int64_t i = 0; i < panel_columns(at.count) * s.size; ++i) tiles.queries[i] *= s.scale;
  for (int64_t key = 0, end = causal ? at.first + at.count : s.t; key < end; key += key_tile) {
    const int64_t keys = std::min(key_tile, end - key);
    copy_rows(tiles.values, pass.qkv + s.value(at.sample, at.head / s.group) + key * s.pitch, s.pitch, keys, 1.0f, s);
    for (int64_t row = 0; row < at.count; row += score_columns) {
      const int64_t rows = std::min(score_columns, at.count - row);
      if (!causal || key < at.first + row + rows) attend(pass, tiles, running, at, row, rows, key, keys);  // else none of them sees these keys
    }
  }
  finish(pass, tiles, running, at);
}

}  // namespace

size_t attn_forward_workspace(const AttnDesc& desc) { return Tiles::bytes(AttnShape(desc)) * static_cast<size_t>(omp_get_max_threads()); }

void attn_forward(Context& ctx, float* y, float* lse_or_null, const float* qkv, const AttnDesc& desc, Workspace workspace) {
  const AttnShape s(desc);
  const ThreadParts parts{0, Tiles::bytes(s)};
  require_workspace("attn_forward", parts.bytes(1), workspace);
  const Pass pass{y, lse_or_null, qkv, desc, s, DropMask(ctx, desc.p, desc.stream)};
  // Tiles of nearly the same size, whole panels of queries each.
  const int64_t wanted = (s.t + query_tile - 1) / query_tile, each = panel_columns((s.t + wanted - 1) / wanted), tiles = (s.t + each - 1) / each;
  const auto work = [&](int64_t begin, int64_t end) {
    const Tiles mine(parts.part(workspace, omp_get_thread_num()), s);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t which = i / tiles, first = i % tiles * each;
      attend_all(pass, mine, {which / s.heads, which % s.heads, first, std::min(each, s.t - first)});
    }
  };
  parallel_for(desc.n * s.heads * tiles, each * s.t * s.size, work, parts.threads(workspace));
}

}  // namespace netrt
