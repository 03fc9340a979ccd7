// depthwise: a convolution with one filter for each channel. Kernels: those of conv, with as many groups as channels.
#include "ops/convolution.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

Convolution convolution_of(const Args& args, const Shape& input) {
  const Image in = as_image(input);
  const Window window = window_of(args, in, DefaultStride::one);
  return {in, {window.h.out, window.w.out, in.c}, window, in.c};
}

Convolution convolution_of(const LayerInfo& info) { return convolution_of(info.args, info.inputs[0]); }

std::optional<Shape> infer(const InferContext& context) {
  if (!check_convolution_arguments(context)) return std::nullopt;
  const Convolution convolution = convolution_of(context.args, context.inputs[0]);
  if (!check_window_fits(context, convolution.window) || !check_convolution_sizes(context, convolution)) return std::nullopt;
  return Shape{convolution.out.h, convolution.out.w, convolution.out.c};
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  const Convolution convolution = convolution_of(info);
  return convolution_params(convolution, convolution.out.c, info.has_bias);
}

Size macs(const LayerInfo& info) { return convolution_of(info).macs(); }

std::vector<Alternative> lower(const LayerInfo& info) { return convolution_calls("conv", convolution_of(info), info); }

}  // namespace

const OpDef& depthwise() {
  static const OpDef row{
      .name = "depthwise",
      .summary = "Convolution of every channel with a filter of its own.",
      .args = convolution_args({kernel_arg("height x width of the window, and the stride after a slash (1 without)")}, false),
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .macs = macs,
      .other_flops = bias_flops,
      .lower = lower,
      .fuse_activation = FuseActivation::by_output,
      .default_bias = true,
      .examples = std::vector<Example>{{"depthwise 3x3 pad", {6, 6, 3}}, {"depthwise 5x5/2 same nobias", {7, 7, 2}}},
  };
  return row;
}

}  // namespace netc::ops
