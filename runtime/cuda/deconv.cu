// A transposed convolution is the data gradient of the convolution its desc describes: its output is that one's dx, its input dy.
#include "columns.h"
#include "conv_cudnn.h"
#include "conv_depthwise.h"
#include "conv_plain.h"

namespace netrt {

void deconv_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& desc, Workspace workspace) {
  if (is_depthwise(desc)) {
    depthwise_backward_data(ctx, y, x, w, b_or_null, desc.activation, desc.alpha, desc);
  } else if (conv_by_cudnn(ctx, "deconv_forward", ConvKind::backward_data, desc, {}, {y, w, x, nullptr}, workspace)) {
    bias_activation(ctx, y, b_or_null, int64_t{desc.n} * desc.h * desc.w, desc.c, desc.activation, desc.alpha);
  } else {
    plain_conv_backward_data(ctx, y, x, w, b_or_null, desc.activation, desc.alpha, desc);
  }
  check_launch("deconv_forward", desc);
}

void deconv_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const ConvDesc& desc, Workspace workspace) {
  ConvDesc plain = desc;  // the activation belongs to deconv_forward
  plain.activation = Activation::none;
  if (is_depthwise(desc)) {
    depthwise_forward(ctx, dx, dy, w, nullptr, plain);
  } else if (!conv_by_cudnn(ctx, "deconv_backward_data", ConvKind::forward, plain, {}, {dy, w, dx, nullptr}, workspace)) {
    plain_conv_forward(ctx, dx, dy, w, nullptr, plain);
  }
  check_launch("deconv_backward_data", desc);
}

void deconv_backward_weights(Context& ctx, float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc& desc,
                             Workspace workspace) {
  // First the bias gradient, with dw's memory as scratch.
  if (db_or_null != nullptr) {
    const int64_t scratch = int64_t{desc.k} * desc.r * desc.s * (desc.c / desc.groups);
    column_sum(ctx, db_or_null, dy, int64_t{desc.n} * desc.h * desc.w, desc.c, dw, scratch);
  }
  if (is_depthwise(desc)) {
    depthwise_backward_weights(ctx, dw, dy, x, desc, workspace);
  } else if (!conv_by_cudnn(ctx, "deconv_backward_weights", ConvKind::backward_weights, desc, {}, {dy, dw, x, nullptr}, workspace)) {
    plain_conv_backward_weights(ctx, dw, dy, x, desc, workspace);
  }
  check_launch("deconv_backward_weights", desc);
}

size_t deconv_forward_workspace(const ConvDesc& desc) { return cuda::deconv_forward_workspace(desc); }
size_t deconv_backward_data_workspace(const ConvDesc& desc) { return cuda::deconv_backward_data_workspace(desc); }
size_t deconv_backward_weights_workspace(const ConvDesc& desc) { return cuda::deconv_backward_weights_workspace(desc); }

}  // namespace netrt
