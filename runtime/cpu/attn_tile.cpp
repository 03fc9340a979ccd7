#include "attn_tile.h"

#include <cmath>

namespace netrt {

AttnShape::AttnShape(const AttnDesc& desc)
    : t(desc.t), size(desc.size), pitch((int64_t{desc.heads} + 2 * int64_t{desc.kv_heads}) * desc.size), out_pitch(int64_t{desc.heads} * desc.size),
      columns(panel_columns(desc.size)), group(desc.heads / desc.kv_heads), heads(desc.heads), kv_heads(desc.kv_heads),
      scale(1.0f / std::sqrt(static_cast<float>(desc.size))) {}

void copy_rows(float* to, const float* from, int64_t pitch, int64_t rows, float scale, const AttnShape& shape) {
  for (int64_t row = 0; row < rows; ++row) {
#pragma omp simd
    for (int64_t i = 0; i < shape.size; ++i) to[row * shape.columns + i] = from[row * pitch + i] * scale;
    std::fill(to + row * shape.columns + shape.size, to + (row + 1) * shape.columns, 0.0f);
  }
}

void multiply(float* to, int64_t to_pitch, bool add, const Left& left, const Right& right, int64_t rows, int64_t columns, int64_t depth) {
  const int64_t each = even_tile_rows(rows);
  for (int64_t column = 0; column < columns; column += tile_columns) {
    for (int64_t row = 0; row < rows; row += each) {
      const TileOperands operands{left.data + row * left.row, 0, left.step, left.row, right.data + column / tile_columns * right.panel, 0, right.row,
                                  1, depth};
      multiply_tile(static_cast<int>(std::min(each, rows - row)), tile_columns, operands, {to + row * to_pitch + column, to_pitch, add});
    }
  }
}

}  // namespace netrt
