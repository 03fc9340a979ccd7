// Attention by tiles of queries and keys: what its two passes share. A tile's rows have `columns` values, the head's size rounded up to
// tile_columns, with zeros beyond the size, so that products need no partial vectors.
#pragma once

#include "context.h"
#include "tile.h"

namespace netrt {

inline constexpr int64_t key_tile = 64;

/// The columns of whole panels that hold `count` of them.
inline int64_t panel_columns(int64_t count) { return (count + tile_columns - 1) / tile_columns * tile_columns; }

/// How the packed rows are laid out.
struct AttnShape {
  explicit AttnShape(const AttnDesc& desc);

  int64_t t, size, pitch, out_pitch, columns, group, heads, kv_heads;
  float scale;  ///< of the scores: 1 / sqrt(size)

  int64_t query(int64_t sample, int64_t head) const { return sample * t * pitch + head * size; }
  int64_t key(int64_t sample, int64_t kv_head) const { return query(sample, heads + kv_head); }
  int64_t value(int64_t sample, int64_t kv_head) const { return query(sample, heads + kv_heads + kv_head); }
  int64_t out(int64_t sample, int64_t head) const { return sample * t * out_pitch + head * size; }
};

/// to[row][columns] = scale * from[row][size], zeros beyond the size.
void copy_rows(float* to, const float* from, int64_t pitch, int64_t rows, float scale, const AttnShape& shape);

/// A matrix as the left side of a product: element (i, k) is data[i * row + k * step].
struct Left {
  const float* data;
  int64_t row, step;
};

/// A matrix as the right side: columns in panels of 16, `panel` floats apart; a panel's rows are `row` floats apart.
struct Right {
  const float* data;
  int64_t panel, row;
};

/// to[i][j] = sum over depth of left * right, or added to it; `columns` is a multiple of 16.
void multiply(float* to, int64_t to_pitch, bool add, const Left& left, const Right& right, int64_t rows, int64_t columns, int64_t depth);

}  // namespace netrt
