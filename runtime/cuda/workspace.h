// The least workspace of each CUDA kernel that takes one: plain C++, so that a planner can ask without CUDA. runtime/cuda's
// <kernel>_workspace functions answer with these same formulas.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../kernels.h"

namespace netrt::cuda {

/// Channels that one block of a column reduction covers.
constexpr int32_t reduction_columns = 32;

/// Into how many chunks of rows a deterministic reduction over the columns of a rows x c matrix is cut: enough blocks for a large
/// device (about 1024), at least 64 rows a chunk. A function of the shape alone, so that sums are the same on every device.
constexpr int32_t reduction_chunks(int32_t rows, int32_t c) {
  const int64_t column_blocks = (int64_t{c} + reduction_columns - 1) / reduction_columns;
  const int64_t wanted = std::max<int64_t>(1, 1024 / column_blocks), most = std::max<int64_t>(1, (int64_t{rows} + 63) / 64);
  return static_cast<int32_t>(std::min(wanted, most));
}

/// Bytes of `values` partial sums a column for every chunk.
constexpr size_t reduction_bytes(int32_t rows, int32_t c, int32_t values) {
  return static_cast<size_t>(reduction_chunks(rows, c)) * static_cast<size_t>(c) * static_cast<size_t>(values) * sizeof(float);
}

// Convolutions and products work without scratch: cuDNN and cuBLASLt where they have an engine that fits, else our own kernels.
constexpr size_t conv_forward_workspace(const ConvDesc&) { return 0; }
constexpr size_t conv_backward_data_workspace(const ConvDesc&) { return 0; }
constexpr size_t conv_backward_weights_workspace(const ConvDesc&) { return 0; }
constexpr size_t deconv_forward_workspace(const ConvDesc&) { return 0; }
constexpr size_t deconv_backward_data_workspace(const ConvDesc&) { return 0; }
constexpr size_t deconv_backward_weights_workspace(const ConvDesc&) { return 0; }
constexpr size_t fc_forward_workspace(const FcDesc&) { return 0; }
constexpr size_t fc_backward_data_workspace(const FcDesc&) { return 0; }
constexpr size_t fc_backward_weights_workspace(const FcDesc&) { return 0; }

/// A mean and a sum of squared deviations for every chunk and channel.
constexpr size_t bn_forward_workspace(const BnDesc& d) { return reduction_bytes(d.rows, d.c, 2); }
/// Two sums for every chunk and channel.
constexpr size_t bn_backward_workspace(const BnDesc& d) { return reduction_bytes(d.rows, d.c, 2); }
/// Two sums for every chunk and channel.
constexpr size_t norm_backward_workspace(const NormDesc& d) { return reduction_bytes(d.rows, d.c, 2); }
/// One sum for every chunk and channel.
constexpr size_t rmsnorm_backward_workspace(const NormDesc& d) { return reduction_bytes(d.rows, d.c, 1); }

/// Into how many slices a sample's pixels are cut, so that all samples together make enough blocks.
constexpr int32_t groupnorm_slices(const GroupNormDesc& d) {
  const int64_t blocks = std::max<int64_t>(1, (int64_t{d.c} + reduction_columns - 1) / reduction_columns * d.n);
  return static_cast<int32_t>(std::min(std::max<int64_t>(1, 1024 / blocks), std::max<int64_t>(1, (int64_t{d.pixels} + 63) / 64)));
}
/// Two sums for every slice and channel, and for every group.
constexpr size_t groupnorm_backward_workspace(const GroupNormDesc& d) {
  const size_t slices = static_cast<size_t>(groupnorm_slices(d)), n = static_cast<size_t>(d.n);
  return n * (slices * static_cast<size_t>(d.c) + static_cast<size_t>(d.groups)) * 2 * sizeof(float);
}

/// `values` floats for every state of one step of a recurrence.
constexpr size_t recurrent_bytes(const RecurrentDesc& d, int32_t values) {
  return static_cast<size_t>(d.directions) * static_cast<size_t>(d.n) * static_cast<size_t>(d.hidden) * static_cast<size_t>(values) * sizeof(float);
}
/// The product of the state with the weight (4), the state, and the cell where it is not kept.
constexpr size_t lstm_forward_workspace(const RecurrentDesc& d) { return recurrent_bytes(d, 6); }
/// The gradients of the gates (4), of the state and of the cell.
constexpr size_t lstm_backward_workspace(const RecurrentDesc& d) { return recurrent_bytes(d, 6); }
/// The product of the state with the weight (3), and the state.
constexpr size_t gru_forward_workspace(const RecurrentDesc& d) { return recurrent_bytes(d, 4); }
/// The gradients of the gates (3), and two parts of the state's.
constexpr size_t gru_backward_workspace(const RecurrentDesc& d) { return recurrent_bytes(d, 5); }

constexpr size_t scale_backward_weights_workspace(const ScaleDesc& d) { return reduction_bytes(d.rows, d.c, 1); }

// Attention works by tiles in shared memory; backward has the sum of dy * y of each head's row.
constexpr size_t attn_forward_workspace(const AttnDesc&) { return 0; }
constexpr size_t attn_backward_workspace(const AttnDesc& d) {
  return sizeof(float) * static_cast<size_t>(d.n) * static_cast<size_t>(d.heads) * static_cast<size_t>(d.t);
}

}  // namespace netrt::cuda
