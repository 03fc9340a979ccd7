// Fully connected layers by tiles of sums in registers.
#pragma once

#include "context.h"

namespace netrt {

/// Whether the shape is large enough for this to be worth its packing.
bool tile_fc_can(const FcDesc&);

/// Bytes of workspace for some number of threads. The kernels use as many threads as their workspace serves, which must be at least one.
size_t tile_fc_forward_workspace(const FcDesc&, int64_t threads);
size_t tile_fc_backward_data_workspace(int64_t threads);

/// y = x w^T, without bias and activation.
void tile_fc_forward(float* y, const float* x, const float* w, const FcDesc&, Workspace);
/// dx = dy w.
void tile_fc_backward_data(float* dx, const float* dy, const float* w, const FcDesc&, Workspace);

}  // namespace netrt
