// Convolutions as plain loops: no workspace, every shape. The fallback where nothing faster fits.
#pragma once

#include "context.h"

namespace netrt {

/// y = conv(x, w), without bias and activation.
void plain_conv_forward(float* y, const float* x, const float* w, const ConvDesc&);
/// dx from dy.
void plain_conv_backward_data(float* dx, const float* dy, const float* w, const ConvDesc&);
/// dw from x and dy.
void plain_conv_backward_weights(float* dw, const float* x, const float* dy, const ConvDesc&);

}  // namespace netrt
