#include "tile_pack.h"

#include <algorithm>

#include "tile.h"

namespace netrt {
namespace {

typedef int32_t Places __attribute__((vector_size(32)));

/// to[j][i] = from[i][j] for 8 x 8 values: pairs, fours and halves change places.
void transpose_square(float* to, int64_t to_pitch, const float* from, int64_t from_pitch) {
  constexpr Places low_pairs{0, 8, 1, 9, 4, 12, 5, 13}, high_pairs{2, 10, 3, 11, 6, 14, 7, 15};
  constexpr Places low_fours{0, 1, 8, 9, 4, 5, 12, 13}, high_fours{2, 3, 10, 11, 6, 7, 14, 15};
  constexpr Places low_halves{0, 1, 2, 3, 8, 9, 10, 11}, high_halves{4, 5, 6, 7, 12, 13, 14, 15};
  Vector pairs[8], fours[8];
  for (int i = 0; i < 4; ++i) {
    const Vector a = load_vector(from + 2 * i * from_pitch), b = load_vector(from + (2 * i + 1) * from_pitch);
    pairs[2 * i] = __builtin_shuffle(a, b, low_pairs);
    pairs[2 * i + 1] = __builtin_shuffle(a, b, high_pairs);
  }
  for (int half = 0; half < 2; ++half) {
    for (int i = 0; i < 2; ++i) {
      const Vector a = pairs[4 * half + i], b = pairs[4 * half + 2 + i];
      fours[4 * half + 2 * i] = __builtin_shuffle(a, b, low_fours);
      fours[4 * half + 2 * i + 1] = __builtin_shuffle(a, b, high_fours);
    }
  }
  for (int j = 0; j < 4; ++j) {
    store_vector(to + j * to_pitch, __builtin_shuffle(fours[j], fours[4 + j], low_halves));
    store_vector(to + (4 + j) * to_pitch, __builtin_shuffle(fours[j], fours[4 + j], high_halves));
  }
}

}  // namespace

void transpose(float* to, int64_t to_pitch, const float* from, int64_t from_pitch, int64_t rows, int64_t columns) {
  const int64_t whole_rows = rows / vector_lanes * vector_lanes, whole_columns = columns / vector_lanes * vector_lanes;
  for (int64_t i = 0; i < whole_rows; i += vector_lanes) {
    for (int64_t j = 0; j < whole_columns; j += vector_lanes) transpose_square(to + j * to_pitch + i, to_pitch, from + i * from_pitch + j, from_pitch);
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) to[j * to_pitch + i] = from[i * from_pitch + j];
  }
}

void pack_rows(float* to, const float* from, int64_t pitch, int64_t rows, int64_t depth) {
  for (int64_t first = 0; first < rows; first += tile_columns, to += depth * tile_columns) {
    const int64_t here = std::min<int64_t>(tile_columns, rows - first);
    transpose(to, tile_columns, from + first * pitch, pitch, here, depth);
    for (int64_t k = 0; here < tile_columns && k < depth; ++k) std::fill(to + k * tile_columns + here, to + (k + 1) * tile_columns, 0.0f);
  }
}

}  // namespace netrt
