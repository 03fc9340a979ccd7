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

void pack_rows(float* to, const float* from, int64_t pitch, int64_t rows, int64_t depth) {
  const int64_t squares = depth / vector_lanes * vector_lanes;
  for (int64_t first = 0; first < rows; first += vector_lanes) {
    float* into = to + first / tile_columns * depth * tile_columns + first % tile_columns;
    const float* in = from + first * pitch;
    const int64_t here = std::min<int64_t>(vector_lanes, rows - first);
    int64_t done = 0;
    if (here == vector_lanes) {
      for (; done < squares; done += vector_lanes) transpose_square(into + done * tile_columns, tile_columns, in + done, pitch);
    }
    for (int64_t k = done; k < depth; ++k) {
      for (int64_t row = 0; row < vector_lanes; ++row) into[k * tile_columns + row] = row < here ? in[row * pitch + k] : 0.0f;
    }
  }
  if (rows % tile_columns == 0 || rows % tile_columns > vector_lanes) return;
  float* into = to + rows / tile_columns * depth * tile_columns + vector_lanes;  // the second half of the last panel has no row
  for (int64_t k = 0; k < depth; ++k) std::fill_n(into + k * tile_columns, vector_lanes, 0.0f);
}

}  // namespace netrt
