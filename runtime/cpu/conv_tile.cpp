#include "conv_tile.h"

#include "parallel.h"
#include "rows.h"
#include "tile.h"
#include "window.h"

namespace netrt {
namespace {

/// Bytes of input and output rows worked on together in the forward pass: they stay in the second-level cache.
constexpr int64_t block_bytes = 192 * 1024;

/// In the weights pass the input rows and 16 columns of dy are read again and again: they stay in the first-level cache, unless that
/// would leave so few pixels that fetching and storing the sums costs more.
constexpr int64_t inner_bytes = 28 * 1024, least_pixels = 96;

int64_t round_columns(int64_t count) { return (count + tile_columns - 1) / tile_columns * tile_columns; }

/// How the rows of the input are read: in place, or from a copy with zeros where the filter leaves the input.
struct Rows {
  bool copied;
  int64_t width;   ///< pixels in a row that the filter sees
  int64_t pitch;   ///< floats from row to row
  int64_t block;   ///< output rows worked on together
  int64_t height;  ///< input rows those need

  Rows(const ConvDesc& d, bool for_weights) {
    width = (d.ow - 1) * d.stride_w + d.s;
    copied = d.pad_left > 0 || width > d.w;
    pitch = (copied ? width : d.w) * d.c;
    constexpr int64_t value_bytes = sizeof(float);
    const int64_t in_bytes = value_bytes * pitch * d.stride_h;
    block = for_weights ? std::max(inner_bytes / (in_bytes + d.ow * tile_columns * value_bytes), (least_pixels + d.ow - 1) / d.ow)
                        : block_bytes / (in_bytes + d.ow * d.k * value_bytes);
    block = std::clamp<int64_t>(block, 1, d.oh);
    height = (block - 1) * d.stride_h + (d.r - 1) * d.dilation_h + 1;
  }
  size_t copy_bytes() const { return copied ? round_workspace(sizeof(float) * height * pitch) : 0; }
};

/// The input rows of a block of output rows, of one sample.
class InputBlock {
 public:
  /// `copy`: copy_bytes() of memory. Its margins are zeroed here once and stay so.
  InputBlock(const ConvDesc& d, const Rows& rows, float* copy) : d_(d), rows_(rows), copy_(copy) {
    if (rows.copied) std::fill(copy, copy + rows.height * rows.pitch, 0.0f);
  }

  void load(const float* x, int64_t n, int64_t first_row) {
    first_ = first_row * d_.stride_h - d_.pad_top;
    image_ = x + n * d_.h * d_.w * d_.c;
    if (!rows_.copied) return;
    const int64_t left = int64_t{d_.pad_left} * d_.c, count = std::min<int64_t>(d_.w, rows_.width - d_.pad_left) * d_.c;
    const Range present = clip_window(first_, rows_.height, d_.h);
    for (int64_t h = present.begin; h < present.end; ++h) {
      const float* from = image_ + h * d_.w * d_.c;
      std::copy(from, from + count, copy_ + (h - first_) * rows_.pitch + left);
    }
  }

  /// Where the filter's left edge is for output column 0, in input row h, which exists.
  const float* row(int64_t h) const { return rows_.copied ? copy_ + (h - first_) * rows_.pitch : image_ + h * rows_.pitch; }

 private:
  const ConvDesc& d_;
  const Rows& rows_;
  float* copy_;
  const float* image_ = nullptr;
  int64_t first_ = 0;
};

/// Output channels of panel `panel`.
int panel_columns(int64_t panel, int64_t k) { return static_cast<int>(std::min<int64_t>(tile_columns, k - panel * tile_columns)); }

// ---- Forward: y[pixels, k] = x[pixels, s * c] w[s * c, k], summed over the filter's rows -----------------------------

/// Weights of 16 output channels side by side: packed[panel][r][s * c][16], zeros beyond k. w_at(k, r, s, c) is a weight's place.
template <class Place>
void pack_weights(float* packed, const float* w, const ConvDesc& d, const Place& w_at) {
  const int64_t depth = int64_t{d.r} * d.s * d.c, panels = round_columns(d.k) / tile_columns;
  parallel_for(panels * d.r, d.s * d.c * tile_columns, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      const int64_t panel = at / d.r, r = at % d.r, columns = panel_columns(panel, d.k);
      float* to = packed + panel * depth * tile_columns + r * d.s * d.c * tile_columns;
      for (int64_t s = 0; s < d.s; ++s) {
        for (int64_t c = 0; c < d.c; ++c, to += tile_columns) {
          for (int64_t j = 0; j < tile_columns; ++j) to[j] = j < columns ? w[w_at(panel * tile_columns + j, r, s, c)] : 0.0f;
        }
      }
    }
  });
}

/// y = activation(sums + b) for a tile of pixels.
void finish_tile(float* y, const float* sums, const float* b_or_null, int64_t rows, int64_t columns, const ConvDesc& d) {
  for (int64_t i = 0; i < rows; ++i) {
    float* to = y + i * d.k;
    const float* from = sums + i * tile_columns;
    if (d.activation == Activation::relu) {
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) {
        const float value = from[j] + (b_or_null != nullptr ? b_or_null[j] : 0.0f);
        to[j] = value < 0.0f ? 0.0f : value;
      }
    } else {
#pragma omp simd
      for (int64_t j = 0; j < columns; ++j) to[j] = from[j] + (b_or_null != nullptr ? b_or_null[j] : 0.0f);
    }
  }
}

/// One row of output pixels of one panel.
void forward_row(float* y, const float* packed, const float* b_or_null, const InputBlock& input, const Rows& rows, int64_t i, int columns,
                 const ConvDesc& d) {
  const int64_t corner = i * d.stride_h - d.pad_top, depth = int64_t{d.s} * d.c;
  int64_t first = 0, last = d.r;
  while (first < last && corner + first * d.dilation_h < 0) ++first;
  while (first < last && corner + (last - 1) * d.dilation_h >= d.h) --last;
  alignas(64) float sums[tile_rows * tile_columns];
  const int64_t step = even_tile_rows(d.ow);
  const float* a = first < last ? input.row(corner + first * d.dilation_h) : nullptr;
  for (int64_t j = 0; j < d.ow; j += step) {
    const int count = static_cast<int>(std::min(step, d.ow - j));
    const TileOperands operands{a == nullptr ? nullptr : a + j * d.stride_w * d.c, d.dilation_h * rows.pitch, 1, int64_t{d.stride_w} * d.c,
                                packed + first * depth * tile_columns, depth * tile_columns, tile_columns, last - first, depth};
    multiply_tile(count, columns > vector_lanes ? tile_columns : vector_lanes, operands, {sums, tile_columns, false});
    finish_tile(y + j * d.k, sums, b_or_null, count, columns, d);
  }
}

size_t packed_bytes(const ConvDesc& d) { return round_workspace(sizeof(float) * d.r * d.s * d.c * round_columns(d.k)); }

void forward(float* y, const float* x, const float* b_or_null, const ConvDesc& d, Workspace workspace) {
  const Rows rows(d, false);
  const float* packed = static_cast<const float*>(workspace.data);
  const int64_t depth = int64_t{d.r} * d.s * d.c, blocks = (d.oh + rows.block - 1) / rows.block;
  const ThreadParts parts{packed_bytes(d), rows.copy_bytes()};
  const auto work = [&](int64_t begin, int64_t end) {
    InputBlock input(d, rows, parts.part(workspace, omp_get_thread_num()));
    for (int64_t at = begin; at < end; ++at) {
      const int64_t n = at / blocks, first = at % blocks * rows.block, last = std::min<int64_t>(first + rows.block, d.oh);
      input.load(x, n, first);
      for (int64_t panel = 0; panel * tile_columns < d.k; ++panel) {
        const int64_t k = panel * tile_columns;
        const float* bias = b_or_null == nullptr ? nullptr : b_or_null + k;
        for (int64_t i = first; i < last; ++i) {
          forward_row(y + (n * d.oh + i) * d.ow * d.k + k, packed + panel * depth * tile_columns, bias, input, rows, i, panel_columns(panel, d.k), d);
        }
      }
    }
  };
  parallel_for(d.n * blocks, rows.block * d.ow * depth, work, parts.threads(workspace));
  if (d.activation != Activation::relu) bias_activation(y, nullptr, int64_t{d.n} * d.oh * d.ow, d.k, d.activation, d.alpha);
}

/// With stride 1 the data gradient is the convolution of dy with the filters turned by 180 degrees, channels swapped.
ConvDesc turned(const ConvDesc& d) {
  ConvDesc t = d;
  t.h = d.oh;
  t.w = d.ow;
  t.c = d.k;
  t.k = d.c;
  t.oh = d.h;
  t.ow = d.w;
  t.pad_top = (d.r - 1) * d.dilation_h - d.pad_top;
  t.pad_left = d.s - 1 - d.pad_left;
  t.activation = Activation::none;
  return t;
}

// ---- Weights: dw[s * c, k] = x[pixels, s * c]^T dy[pixels, k], for each of the filter's rows -------------------------

/// Adds the rows of dy to the sums of its columns.
void add_bias_gradient(float* sums, const float* dy, int64_t pixels, int columns, int64_t k) {
  Vector low = {}, high = {};
  for (int64_t p = 0; p < pixels; ++p) {
    const float* from = dy + p * k;
    low += columns >= vector_lanes ? load_vector(from) : load_part(from, columns);
    if (columns == tile_columns) high += load_vector(from + vector_lanes);
    else if (columns > vector_lanes) high += load_part(from + vector_lanes, columns - vector_lanes);
  }
  store_vector(sums, load_vector(sums) + low);
  store_vector(sums + vector_lanes, load_vector(sums + vector_lanes) + high);
}

/// The sums a weights pass makes: [r][s * c][k rounded up to 16], then the bias gradient's.
struct WeightSums {
  float *weights, *bias;
  int64_t pitch;
};

size_t sums_bytes(const ConvDesc& d) { return round_workspace(sizeof(float) * (int64_t{d.r} * d.s * d.c + 1) * round_columns(d.k)); }

/// Output rows [first, last) as far as filter row r finds its input row.
Range rows_with_input(const ConvDesc& d, int64_t r, int64_t first, int64_t last) {
  while (first < last && first * d.stride_h - d.pad_top + r * d.dilation_h < 0) ++first;
  while (first < last && (last - 1) * d.stride_h - d.pad_top + r * d.dilation_h >= d.h) --last;
  return {first, last};
}

/// One thread's share of the tiles, for a block of output rows. A thread has the same tiles in every block, so each sum is formed by one
/// thread in one order: the result does not depend on the number of threads.
void weights_block(const WeightSums& sums, const float* dy, const InputBlock& input, const Rows& rows, int64_t first, int64_t last, Range share,
                   const ConvDesc& d) {
  const int64_t depth = int64_t{d.s} * d.c, step = even_tile_rows(depth), row_k = int64_t{d.ow} * d.k;
  const int64_t row_units = (d.k + vector_lanes - 1) / vector_lanes;
  for (int64_t k = 0; k < d.k; k += tile_columns) {
    const int columns = panel_columns(k / tile_columns, d.k);
    int64_t unit = k / vector_lanes;
    for (int64_t r = 0; r < d.r; ++r) {
      const Range present = rows_with_input(d, r, first, last);
      for (int64_t t = 0; t < depth; t += step, unit += row_units) {
        if (unit < share.begin || unit >= share.end) continue;
        if (r == 0 && t == 0) add_bias_gradient(sums.bias + k, dy + first * row_k + k, (last - first) * d.ow, columns, d.k);
        if (present.begin >= present.end) continue;
        const float* a = input.row(present.begin * d.stride_h - d.pad_top + r * d.dilation_h) + t;
        const TileOperands operands{a,     d.stride_h * rows.pitch, int64_t{d.stride_w} * d.c,  1,   dy + present.begin * row_k + k,
                                    row_k, d.k,                     present.end - present.begin, d.ow};
        float* to = sums.weights + (r * depth + t) * sums.pitch + k;
        multiply_tile(static_cast<int>(std::min(step, depth - t)), columns, operands, {to, sums.pitch, true});
      }
    }
  }
}

void write_weights(float* dw, float* db_or_null, const WeightSums& sums, const ConvDesc& d) {
  const int64_t filter = int64_t{d.r} * d.s * d.c;
  parallel_for(d.k, filter, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < filter; ++t) {
      for (int64_t k = begin; k < end; ++k) dw[k * filter + t] = sums.weights[t * sums.pitch + k];
    }
  });
  if (db_or_null != nullptr) std::copy(sums.bias, sums.bias + d.k, db_or_null);
}

void backward_weights(float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc& d, Workspace workspace) {
  const Rows rows(d, true);
  const int64_t filter = int64_t{d.r} * d.s * d.c, depth = int64_t{d.s} * d.c, step = even_tile_rows(depth);
  WeightSums sums{static_cast<float*>(workspace.data), nullptr, round_columns(d.k)};
  sums.bias = sums.weights + filter * sums.pitch;
  std::fill(sums.weights, sums.bias + sums.pitch, 0.0f);
  const int64_t units = d.r * ((depth + step - 1) / step) * ((d.k + vector_lanes - 1) / vector_lanes);
  const ThreadParts parts{sums_bytes(d), rows.copy_bytes()};
  const auto work = [&](int64_t begin, int64_t end) {
    InputBlock input(d, rows, parts.part(workspace, omp_get_thread_num()));
    for (int64_t n = 0; n < d.n; ++n) {
      const float* gradient = dy + n * d.oh * d.ow * d.k;
      for (int64_t first = 0; first < d.oh; first += rows.block) {
        input.load(x, n, first);
        weights_block(sums, gradient, input, rows, first, std::min<int64_t>(first + rows.block, d.oh), {begin, end}, d);
      }
    }
  };
  parallel_for(units, int64_t{d.n} * d.oh * d.ow, work, parts.threads(workspace));
  write_weights(dw, db_or_null, sums, d);
}

}  // namespace

bool tile_conv_can(const ConvDesc& d, ConvPass pass) {
  if (d.groups != 1 || (d.dilation_w != 1 && d.s != 1)) return false;
  if (pass != ConvPass::data) return true;
  return d.stride_h == 1 && d.stride_w == 1 && d.pad_left <= d.s - 1;
}

size_t tile_conv_workspace(const ConvDesc& d, ConvPass pass, int64_t threads) {
  const ConvDesc used = pass == ConvPass::data ? turned(d) : d;
  const bool weights = pass == ConvPass::weights;
  return ThreadParts{weights ? sums_bytes(used) : packed_bytes(used), Rows(used, weights).copy_bytes()}.bytes(threads);
}

void tile_conv_run(ConvPass pass, const ConvBuffers& at, const ConvDesc& d, Workspace workspace) {
  if (pass == ConvPass::weights) return backward_weights(at.w, at.b_or_null, at.x, at.y, d, workspace);
  float* packed = static_cast<float*>(workspace.data);
  const int64_t filter = int64_t{d.r} * d.s * d.c;
  if (pass == ConvPass::forward) {
    pack_weights(packed, at.w, d, [&](int64_t k, int64_t r, int64_t s, int64_t c) { return k * filter + (r * d.s + s) * d.c + c; });
    return forward(at.y, at.x, at.b_or_null, d, workspace);
  }
  const ConvDesc t = turned(d);
  const int64_t last = int64_t{d.r} * d.s - 1;
  pack_weights(packed, at.w, t, [&](int64_t c, int64_t r, int64_t s, int64_t k) { return k * filter + (last - r * d.s - s) * d.c + c; });
  forward(at.x, at.y, nullptr, t, workspace);
}

}  // namespace netrt
