// Convolutions without a library: implicit GEMM for every shape; conv_depthwise.h has direct kernels for depthwise ones.
#pragma once

#include "context.h"

namespace netrt {

/// y = activation(conv(x, w) + b). Needs no workspace.
void plain_conv_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& d);
/// dx of the convolution, plus bias and activation (for a transposed convolution's forward pass). Needs no workspace.
void plain_conv_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const float* b_or_null, Activation activation, float alpha,
                              const ConvDesc& d);
/// dw of the convolution. Uses the workspace to cut the sum into parts that run side by side; works without.
void plain_conv_backward_weights(Context& ctx, float* dw, const float* x, const float* dy, const ConvDesc& d, Workspace workspace);

/// y[row, j] = activation(y[row, j] + b[j]), b may be null; nothing is launched where there is nothing to do.
void bias_activation(Context& ctx, float* y, const float* b_or_null, int64_t rows, int32_t c, Activation activation, float alpha);

}  // namespace netrt
