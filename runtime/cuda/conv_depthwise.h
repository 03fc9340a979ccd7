// Depthwise convolutions: direct kernels, since an implicit GEMM would multiply matrices one element wide.
#pragma once

#include "context.h"

namespace netrt {

/// One input and one output channel a group.
inline bool is_depthwise(const ConvDesc& d) { return d.groups > 1 && d.groups == d.c && d.c == d.k; }
/// y = activation(conv(x, w) + b).
void depthwise_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& d);
/// dx, plus bias and activation (for a transposed convolution's forward pass).
void depthwise_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const float* b_or_null, Activation activation, float alpha,
                             const ConvDesc& d);
/// Uses the workspace to cut the sum into parts that run side by side; works without.
void depthwise_backward_weights(Context& ctx, float* dw, const float* x, const float* dy, const ConvDesc& d, Workspace workspace);

}  // namespace netrt
