#include "columns.h"
#include "conv_cudnn.h"
#include "conv_depthwise.h"
#include "conv_plain.h"

namespace netrt {
namespace {

// Bias and relu inside cuDNN's graph where it can be, else after it in one pass of ours.
bool forward_by_cudnn(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& d, const Workspace& workspace) {
  const bool relu = d.activation == Activation::relu;
  const ConvEpilogue fused{b_or_null != nullptr, relu};
  if ((fused.bias || fused.relu) && (relu || d.activation == Activation::none) &&
      conv_by_cudnn(ctx, "conv_forward", ConvKind::forward, d, fused, {x, w, y, b_or_null}, workspace)) {
    return true;
  }
  if (!conv_by_cudnn(ctx, "conv_forward", ConvKind::forward, d, {}, {x, w, y, nullptr}, workspace)) return false;
  bias_activation(ctx, y, b_or_null, int64_t{d.n} * d.oh * d.ow, d.k, d.activation, d.alpha);
  return true;
}

}  // namespace

void conv_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& desc, Workspace workspace) {
  if (is_depthwise(desc)) {
    depthwise_forward(ctx, y, x, w, b_or_null, desc);
  } else if (!forward_by_cudnn(ctx, y, x, w, b_or_null, desc, workspace)) {
    plain_conv_forward(ctx, y, x, w, b_or_null, desc);
  }
  check_launch("conv_forward", desc);
}

void conv_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const ConvDesc& desc, Workspace workspace) {
  if (is_depthwise(desc)) {
    depthwise_backward_data(ctx, dx, dy, w, nullptr, Activation::none, 0, desc);
  } else if (!conv_by_cudnn(ctx, "conv_backward_data", ConvKind::backward_data, desc, {}, {dx, w, dy, nullptr}, workspace)) {
    plain_conv_backward_data(ctx, dx, dy, w, nullptr, Activation::none, 0, desc);
  }
  check_launch("conv_backward_data", desc);
}

void conv_backward_weights(Context& ctx, float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc& desc, Workspace workspace) {
  // The bias gradient goes first, because until dw is written its memory is scratch for the partial sums.
  if (db_or_null != nullptr) {
    const int64_t scratch = int64_t{desc.k} * desc.r * desc.s * (desc.c / desc.groups);
    column_sum(ctx, db_or_null, dy, int64_t{desc.n} * desc.oh * desc.ow, desc.k, dw, scratch);
  }
  if (is_depthwise(desc)) {
    depthwise_backward_weights(ctx, dw, x, dy, desc, workspace);
  } else if (!conv_by_cudnn(ctx, "conv_backward_weights", ConvKind::backward_weights, desc, {}, {x, dw, dy, nullptr}, workspace)) {
    plain_conv_backward_weights(ctx, dw, x, dy, desc, workspace);
  }
  check_launch("conv_backward_weights", desc);
}

size_t conv_forward_workspace(const ConvDesc& desc) { return cuda::conv_forward_workspace(desc); }
size_t conv_backward_data_workspace(const ConvDesc& desc) { return cuda::conv_backward_data_workspace(desc); }
size_t conv_backward_weights_workspace(const ConvDesc& desc) { return cuda::conv_backward_weights_workspace(desc); }

}  // namespace netrt
