// The inner loop of our own convolutions and products: a tile of sums kept in registers while two operands stream past. With AVX2's vectors
// of 8 floats it is up to 6 x 16, with AVX-512's of 16 up to 12 x 16.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

namespace netrt {

inline constexpr int vector_lanes = 8;
inline constexpr int tile_columns = 16;

typedef float Vector __attribute__((vector_size(32)));
typedef float UnalignedVector __attribute__((vector_size(32), aligned(4)));

#if defined(__AVX512F__)
inline constexpr int tile_rows = 12;  ///< one vector a row: 12 sums hide the latency of two multiply-adds a cycle
typedef float WideVector __attribute__((vector_size(64)));
#else
inline constexpr int tile_rows = 6;  ///< with two vectors a row: 12 sums, 2 loads and a broadcast fill AVX2's 16 registers
#endif

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

#if defined(__AVX512F__)
inline WideVector multiply_add(float a, WideVector b, WideVector sum) { return _mm512_fmadd_ps(_mm512_set1_ps(a), b, sum); }
#endif

/// sums[i][j] over outer o and inner d of a[o * a_outer + d * a_step + i * a_row] * b[o * b_outer + d * b_step + j].
struct TileOperands {
  const float* a;
  int64_t a_outer, a_step, a_row;
  const float* b;
  int64_t b_outer, b_step;
  int64_t outer, inner;
};

/// Where sums go: rows of `pitch` floats, added to what is there or not. Whole vectors are written: 8 floats for up to 8 columns, else 16.
struct TileResult {
  float* to;
  int64_t pitch;
  bool add;
};

namespace tile_detail {

/// A row of a tile as `count` vectors of type V, of whose columns the last may have fewer than it holds.
template <class V, int count>
struct Columns {
  static constexpr int vectors = count, lanes = sizeof(V) / sizeof(float);
  typedef V Unaligned __attribute__((aligned(4)));

  static V load(const float* from) { return *reinterpret_cast<const Unaligned*>(from); }
  static void store(float* to, V value) { *reinterpret_cast<Unaligned*>(to) = value; }
  static V load_first(const float* from, int columns) {
#if defined(__AVX512F__)
    if constexpr (lanes == 16) return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << columns) - 1), from);
    else
#endif
      return load_part(from, columns);
  }
};

/// `part`: columns in the last vector of b, if that is not a whole one.
template <class Row, bool partial, int rows>
void multiply(const TileOperands& in, const TileResult& out, int part) {
  decltype(Row::load(nullptr)) sums[rows][Row::vectors] = {}, columns[Row::vectors];
  for (int64_t o = 0; o < in.outer; ++o) {
    const float *a = in.a + o * in.a_outer, *b = in.b + o * in.b_outer;
    for (int64_t d = 0; d < in.inner; ++d) {
      for (int v = 0; v < Row::vectors; ++v) {
        const float* from = b + v * Row::lanes;
        columns[v] = partial && v == Row::vectors - 1 ? Row::load_first(from, part) : Row::load(from);
      }
#pragma GCC unroll 12
      for (int i = 0; i < rows; ++i) {
        for (int v = 0; v < Row::vectors; ++v) sums[i][v] = multiply_add(a[i * in.a_row], columns[v], sums[i][v]);
      }
      a += in.a_step;
      b += in.b_step;
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int v = 0; v < Row::vectors; ++v) {
      float* to = out.to + i * out.pitch + v * Row::lanes;
      Row::store(to, out.add ? Row::load(to) + sums[i][v] : sums[i][v]);
    }
  }
}

/// multiply for 1, 2, ... tile_rows rows.
template <class Row, bool partial, int... rows>
constexpr auto each_row_count(std::integer_sequence<int, rows...>) {
  return std::array{&multiply<Row, partial, rows + 1>...};
}

template <class Row>
void multiply_rows(int rows, int columns, const TileOperands& in, const TileResult& out) {
  static constexpr auto whole = each_row_count<Row, false>(std::make_integer_sequence<int, tile_rows>());
  static constexpr auto partial = each_row_count<Row, true>(std::make_integer_sequence<int, tile_rows>());
  const int part = columns % Row::lanes;
  (part == 0 ? whole : partial)[static_cast<size_t>(rows - 1)](in, out, part);
}

}  // namespace tile_detail

/// A tile of 1 to tile_rows rows and 1 to 16 columns; no column of b beyond `columns` is read.
inline void multiply_tile(int rows, int columns, const TileOperands& in, const TileResult& out) {
  using namespace tile_detail;
  if (columns <= vector_lanes) return multiply_rows<Columns<Vector, 1>>(rows, columns, in, out);
#if defined(__AVX512F__)
  multiply_rows<Columns<WideVector, 1>>(rows, columns, in, out);
#else
  multiply_rows<Columns<Vector, 2>>(rows, columns, in, out);
#endif
}

/// Rows of each tile when `count` rows are cut into as few tiles as possible, of nearly the same size.
inline int64_t even_tile_rows(int64_t count) {
  const int64_t tiles = (count + tile_rows - 1) / tile_rows;
  return (count + tiles - 1) / tiles;
}

}  // namespace netrt
