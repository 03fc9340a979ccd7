// Fully connected layers by tiles of sums in registers.
#pragma once

#include "context.h"

namespace netrt {

/// Whether the shape is large enough for this to be worth its packing.
bool tile_fc_can(const FcDesc&);

/// Bytes of workspace for this machine's number of threads.
size_t tile_fc_forward_workspace(const FcDesc&);
size_t tile_fc_backward_data_workspace(const FcDesc&);

/// y = x w^T, without bias and activation.
void tile_fc_forward(float* y, const float* x, const float* w, const FcDesc&, Workspace);
/// dx = dy w.
void tile_fc_backward_data(float* dx, const float* dy, const float* w, const FcDesc&, Workspace);

}  // namespace netrt
