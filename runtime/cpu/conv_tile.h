// Convolutions by tiles of sums in registers, straight from channels-last data: in a row of the filter, the s * c inputs of an output
// pixel lie side by side, so a convolution is r matrix products whose left operand is the input itself, with overlapping rows.
#pragma once

#include "conv_dnnl.h"

namespace netrt {

/// Whether the shape can be done this way: one group, no dilation along the row; backward data also needs stride 1.
bool tile_conv_can(const ConvDesc&, ConvPass);

/// Bytes of workspace for some number of threads.
size_t tile_conv_workspace(const ConvDesc&, ConvPass, int64_t threads);

/// Runs the pass with as many threads as the workspace serves, which must be at least one. The forward pass applies
/// bias and activation, the weights pass writes the bias gradient too.
void tile_conv_run(ConvPass, const ConvBuffers&, const ConvDesc&, Workspace);

}  // namespace netrt
