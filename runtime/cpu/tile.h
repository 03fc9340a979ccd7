// The inner loop of our own convolutions and products: a tile of up to 6 x 16 sums kept in registers while two operands stream past.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

namespace netrt {

inline constexpr int vector_lanes = 8;
inline constexpr int tile_rows = 6;       ///< with two vectors a row: 12 sums, 2 loads and a broadcast fill AVX2's 16 registers
inline constexpr int tile_columns = 16;

typedef float Vector __attribute__((vector_size(32)));
typedef float UnalignedVector __attribute__((vector_size(32), aligned(4)));

inline Vector load_vector(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }

inline void store_vector(float* to, Vector value) { *reinterpret_cast<UnalignedVector*>(to) = value; }

/// The first `count` < 8 floats, then zeros; reads no further.
inline Vector load_part(const float* from, int count) {
#if defined(__AVX2__)
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane));
#else
  Vector value = {};
  std::memcpy(&value, from, static_cast<size_t>(count) * sizeof(float));
  return value;
#endif
}

inline Vector multiply_add(float a, Vector b, Vector sum) {
#if defined(__AVX2__) && defined(__FMA__)
  return _mm256_fmadd_ps(_mm256_set1_ps(a), b, sum);
#else
  return sum + a * b;
#endif
}

/// sums[i][j] over outer o and inner d of a[o * a_outer + d * a_step + i * a_row] * b[o * b_outer + d * b_step + j].
struct TileOperands {
  const float* a;
  int64_t a_outer, a_step, a_row;
  const float* b;
  int64_t b_outer, b_step;
  int64_t outer, inner;
};

/// Where sums go: rows of `pitch` floats, added to what is there or not. Whole vectors are written.
struct TileResult {
  float* to;
  int64_t pitch;
  bool add;
};

namespace tile_detail {

/// `part`: columns in the last vector of b, 0 if that is a whole one.
template <int rows, int vectors, bool partial>
void multiply(const TileOperands& in, const TileResult& out, int part) {
  Vector sums[rows][vectors] = {};
  for (int64_t o = 0; o < in.outer; ++o) {
    const float *a = in.a + o * in.a_outer, *b = in.b + o * in.b_outer;
    for (int64_t d = 0; d < in.inner; ++d) {
      Vector columns[vectors];
      for (int v = 0; v < vectors; ++v) {
        const float* from = b + v * vector_lanes;
        columns[v] = partial && v == vectors - 1 ? load_part(from, part) : load_vector(from);
      }
#pragma GCC unroll 6
      for (int i = 0; i < rows; ++i) {
        for (int v = 0; v < vectors; ++v) sums[i][v] = multiply_add(a[i * in.a_row], columns[v], sums[i][v]);
      }
      a += in.a_step;
      b += in.b_step;
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int v = 0; v < vectors; ++v) {
      float* to = out.to + i * out.pitch + v * vector_lanes;
      store_vector(to, out.add ? load_vector(to) + sums[i][v] : sums[i][v]);
    }
  }
}

template <int rows>
void multiply_columns(int columns, const TileOperands& in, const TileResult& out) {
  const int part = columns % vector_lanes;
  if (columns > vector_lanes) return part == 0 ? multiply<rows, 2, false>(in, out, 0) : multiply<rows, 2, true>(in, out, part);
  return part == 0 ? multiply<rows, 1, false>(in, out, 0) : multiply<rows, 1, true>(in, out, part);
}

}  // namespace tile_detail

/// A tile of 1 to 6 rows and 1 to 16 columns; no column of b beyond `columns` is read.
inline void multiply_tile(int rows, int columns, const TileOperands& in, const TileResult& out) {
  using namespace tile_detail;
  switch (rows) {
    case 1: return multiply_columns<1>(columns, in, out);
    case 2: return multiply_columns<2>(columns, in, out);
    case 3: return multiply_columns<3>(columns, in, out);
    case 4: return multiply_columns<4>(columns, in, out);
    case 5: return multiply_columns<5>(columns, in, out);
    default: return multiply_columns<6>(columns, in, out);
  }
}

/// Rows of each tile when `count` rows are cut into as few tiles as possible, of nearly the same size.
inline int64_t even_tile_rows(int64_t count) {
  const int64_t tiles = (count + tile_rows - 1) / tile_rows;
  return (count + tiles - 1) / tiles;
}

}  // namespace netrt
