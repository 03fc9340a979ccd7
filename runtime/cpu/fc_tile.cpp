#include "fc_tile.h"

#include "parallel.h"
#include "tile.h"
#include "tile_pack.h"

namespace netrt {
namespace {

/// Columns of a packed operand that are worked on together: four panels of 16.
constexpr int64_t group = 4 * tile_columns;

/// Terms of each sum that are added before going on to other sums; a packed panel of so many rows is 16 KiB.
constexpr int64_t depth_block = 256;

/// What a thread packs at a time.
constexpr size_t pack_bytes = sizeof(float) * group * depth_block;

/// The forward pass has its sums in the workspace too, [out][group].
ThreadParts forward_parts(const FcDesc& d) { return {round_workspace(sizeof(float) * d.out * group), pack_bytes}; }

constexpr ThreadParts backward_parts{0, pack_bytes};

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

/// Adds `depth` terms to `columns` columns of dx, or begins them: `packed` has the weights of those columns and terms.
void backward_group(float* dx, const float* dy, const float* packed, int64_t columns, int64_t depth, bool add, const FcDesc& d) {
  alignas(64) float sums[tile_rows * tile_columns];
  for (int64_t first = 0; first < columns; first += tile_columns) {
    const int64_t here = std::min<int64_t>(tile_columns, columns - first);
    for (int64_t row = 0; row < d.rows; row += tile_rows) {
      const int count = static_cast<int>(std::min<int64_t>(tile_rows, d.rows - row));
      const TileOperands operands{dy + row * d.out, 0, 1, d.out, packed + first * depth, 0, tile_columns, 1, depth};
      float* to = dx + row * d.in + first;
      if (here == tile_columns) {
        multiply_tile(count, tile_columns, operands, {to, d.in, add});
        continue;
      }
      multiply_tile(count, tile_columns, operands, {sums, tile_columns, false});
      for (int64_t i = 0; i < count * here; ++i) {
        float& value = to[i / here * d.in + i % here];
        value = sums[i / here * tile_columns + i % here] + (add ? value : 0.0f);
      }
    }
  }
}

}  // namespace

bool tile_fc_can(const FcDesc& d) { return d.rows >= 12 && int64_t{d.in} * d.out >= 32768; }

size_t tile_fc_forward_workspace(const FcDesc& d, int64_t threads) { return forward_parts(d).bytes(threads); }

size_t tile_fc_backward_data_workspace(int64_t threads) { return backward_parts.bytes(threads); }

void tile_fc_forward(float* y, const float* x, const float* w, const FcDesc& d, Workspace workspace) {
  float* sums = static_cast<float*>(workspace.data);
  const int64_t tiles = (d.out + tile_rows - 1) / tile_rows;
  const ThreadParts parts = forward_parts(d);
  const auto work = [&](int64_t first_tile, int64_t last_tile) {
    float* packed = parts.part(workspace, omp_get_thread_num());
    const int64_t begin = first_tile * tile_rows, end = std::min<int64_t>(last_tile * tile_rows, d.out);
    for (int64_t first = 0; first < d.rows; first += group) {
      const int64_t rows = std::min<int64_t>(group, d.rows - first);
      forward_group(sums, packed, x + first * d.in, w, rows, begin, end, d);
      transpose(y + first * d.out + begin, d.out, sums + begin * group, group, end - begin, rows);
    }
  };
  parallel_for(tiles, int64_t{tile_rows} * d.in * d.rows, work, parts.threads(workspace));
}

void tile_fc_backward_data(float* dx, const float* dy, const float* w, const FcDesc& d, Workspace workspace) {
  const auto work = [&](int64_t begin, int64_t end) {
    float* packed = backward_parts.part(workspace, omp_get_thread_num());
    for (int64_t first = begin * group; first < std::min<int64_t>(end * group, d.in); first += group) {
      const int64_t columns = std::min<int64_t>(group, d.in - first);
      for (int64_t k = 0; k < d.out; k += depth_block) {
        const int64_t depth = std::min<int64_t>(depth_block, d.out - k);
        pack_columns(packed, w + k * d.in + first, d.in, columns, depth);
        backward_group(dx + first, dy + k, packed, columns, depth, k > 0, d);
      }
    }
  };
  parallel_for((d.in + group - 1) / group, group * d.out * d.rows, work, backward_parts.threads(workspace));
}

}  // namespace netrt
