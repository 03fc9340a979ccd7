// Convolutions through oneDNN: channels-last data, weights brought into the library's own blocked layout in the workspace.
#pragma once

#include "context.h"

namespace netrt {

/// The three passes of a convolution.
enum class ConvPass : int32_t { forward, data, weights };

/// What a pass reads and writes: x, w, b and y, or their gradients where the pass makes or reads those.
struct ConvBuffers {
  float *x, *w, *b_or_null, *y;
};

/// Bytes of workspace that oneDNN's fastest implementation wants, or -1 where it has none but a slow reference.
int64_t dnnl_conv_workspace(const ConvDesc&, ConvPass);

/// Runs the pass with the fastest implementation that fits the workspace; false, with nothing written, where none does.
/// The forward pass applies the activation.
bool dnnl_conv_run(Context&, ConvPass, const ConvBuffers&, const ConvDesc&, Workspace);

}  // namespace netrt
