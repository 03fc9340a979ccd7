#include "fc_tile.h"

#include "parallel.h"
#include "tile.h"

namespace netrt {
namespace {

/// Columns of a packed operand that are worked on together: four panels of 16.
constexpr int64_t group = 4 * tile_columns;

/// Terms of each sum that are added before going on to other sums; a packed panel of so many rows is 16 KiB.
constexpr int64_t depth_block = 256;

size_t forward_pack_bytes() { return sizeof(float) * group * depth_block; }

size_t forward_sum_bytes(const FcDesc& d) { return round_workspace(sizeof(float) * d.out * group); }

size_t backward_pack_bytes(const FcDesc& d) { return round_workspace(sizeof(float) * d.out * group); }

/// packed[panel][depth][16] from x[row, depth] for up to `group` rows; zeros beyond them.
void pack_rows(float* packed, const float* x, int64_t pitch, int64_t rows, int64_t depth) {
  for (int64_t panel = 0; panel * tile_columns < rows; ++panel) {
    float* to = packed + panel * depth * tile_columns;
    for (int64_t j = 0; j < tile_columns; ++j) {
      const int64_t row = panel * tile_columns + j;
      for (int64_t k = 0; k < depth; ++k) to[k * tile_columns + j] = row < rows ? x[row * pitch + k] : 0.0f;
    }
  }
}

/// packed[panel][depth][16] from w[depth, column] for up to `group` columns; zeros beyond them.
void pack_columns(float* packed, const float* w, int64_t pitch, int64_t columns, int64_t depth) {
  for (int64_t k = 0; k < depth; ++k) {
    const float* from = w + k * pitch;
    for (int64_t panel = 0; panel * tile_columns < columns; ++panel) {
      float* to = packed + (panel * depth + k) * tile_columns;
      const int64_t here = std::min<int64_t>(tile_columns, columns - panel * tile_columns);
      if (here == tile_columns) {
        for (int64_t j = 0; j < tile_columns; ++j) to[j] = from[panel * tile_columns + j];
      } else {
        for (int64_t j = 0; j < tile_columns; ++j) to[j] = j < here ? from[panel * tile_columns + j] : 0.0f;
      }
    }
  }
}

/// sums[o][row] (rows of `group`) = w[o, :] x[row, :] for the outputs [begin, end) and up to `group` rows of x.
void forward_group(float* sums, float* packed, const float* x, const float* w, int64_t rows, int64_t begin, int64_t end, const FcDesc& d) {
  for (int64_t k = 0; k < d.in; k += depth_block) {
    const int64_t depth = std::min<int64_t>(depth_block, d.in - k);
    pack_rows(packed, x + k, d.in, rows, depth);
    for (int64_t o = begin; o < end; o += tile_rows) {
      for (int64_t row = 0; row < rows; row += tile_columns) {
        const TileOperands operands{w + o * d.in + k, 0, 1, d.in, packed + row * depth, 0, tile_columns, 1, depth};
        multiply_tile(static_cast<int>(std::min<int64_t>(tile_rows, end - o)), tile_columns, operands, {sums + o * group + row, group, k > 0});
      }
    }
  }
}

/// `columns` columns of dx from the packed weights of those columns.
void backward_group(float* dx, const float* dy, const float* packed, int64_t columns, const FcDesc& d) {
  alignas(64) float sums[tile_rows * tile_columns];
  for (int64_t first = 0; first < columns; first += tile_columns) {
    const int64_t here = std::min<int64_t>(tile_columns, columns - first);
    for (int64_t row = 0; row < d.rows; row += tile_rows) {
      const int count = static_cast<int>(std::min<int64_t>(tile_rows, d.rows - row));
      const TileOperands operands{dy + row * d.out, 0, 1, d.out, packed + first * d.out, 0, tile_columns, 1, d.out};
      float* to = dx + row * d.in + first;
      if (here == tile_columns) {
        multiply_tile(count, tile_columns, operands, {to, d.in, false});
        continue;
      }
      multiply_tile(count, tile_columns, operands, {sums, tile_columns, false});
      for (int64_t i = 0; i < count; ++i) std::copy(sums + i * tile_columns, sums + i * tile_columns + here, to + i * d.in);
    }
  }
}

float* thread_pack(Workspace workspace, size_t shared, size_t each) {
  return reinterpret_cast<float*>(static_cast<char*>(workspace.data) + shared + each * omp_get_thread_num());
}

}  // namespace

bool tile_fc_can(const FcDesc& d) { return d.rows >= 12 && int64_t{d.in} * d.out >= 32768; }

size_t tile_fc_forward_workspace(const FcDesc& d) { return forward_sum_bytes(d) + forward_pack_bytes() * omp_get_max_threads(); }

size_t tile_fc_backward_data_workspace(const FcDesc& d) { return backward_pack_bytes(d) * omp_get_max_threads(); }

void tile_fc_forward(float* y, const float* x, const float* w, const FcDesc& d, Workspace workspace) {
  float* sums = static_cast<float*>(workspace.data);
  const int64_t tiles = (d.out + tile_rows - 1) / tile_rows;
  parallel_for(tiles, int64_t{tile_rows} * d.in * d.rows, [&](int64_t first_tile, int64_t last_tile) {
    float* packed = thread_pack(workspace, forward_sum_bytes(d), forward_pack_bytes());
    const int64_t begin = first_tile * tile_rows, end = std::min<int64_t>(last_tile * tile_rows, d.out);
    for (int64_t first = 0; first < d.rows; first += group) {
      const int64_t rows = std::min<int64_t>(group, d.rows - first);
      forward_group(sums, packed, x + first * d.in, w, rows, begin, end, d);
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t o = begin; o < end; ++o) y[(first + row) * d.out + o] = sums[o * group + row];
      }
    }
  });
}

void tile_fc_backward_data(float* dx, const float* dy, const float* w, const FcDesc& d, Workspace workspace) {
  parallel_for((d.in + group - 1) / group, group * d.out * d.rows, [&](int64_t begin, int64_t end) {
    float* packed = thread_pack(workspace, 0, backward_pack_bytes(d));
    for (int64_t first = begin * group; first < std::min<int64_t>(end * group, d.in); first += group) {
      const int64_t columns = std::min<int64_t>(group, d.in - first);
      pack_columns(packed, w + first, d.in, columns, d.out);
      backward_group(dx + first, dy, packed, columns, d);
    }
  });
}

}  // namespace netrt
