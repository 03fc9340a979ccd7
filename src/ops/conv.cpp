// conv: all that netc knows of it. Kernels: conv_forward, conv_backward_weights, conv_backward_data.
#include "ops/convolution.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

Convolution convolution_of(const Args& args, const Shape& input) {
  const Image in = as_image(input);
  const Window window = window_of(args, in, DefaultStride::one);
  return {in, {window.h.out, window.w.out, args.integer("filters")}, window, args.integer("groups", 1)};
}

Convolution convolution_of(const LayerInfo& info) { return convolution_of(info.args, info.inputs[0]); }

std::optional<Shape> infer(const InferContext& context) {
  if (!check_convolution_arguments(context)) return std::nullopt;
  const Convolution convolution = convolution_of(context.args, context.inputs[0]);
  const bool groups = check_groups(context, convolution.in.c, convolution.out.c, convolution.groups);
  if (!check_window_fits(context, convolution.window) || !groups || !check_convolution_sizes(context, convolution)) return std::nullopt;
  return Shape{convolution.out.h, convolution.out.w, convolution.out.c};
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  const Convolution convolution = convolution_of(info);
  return convolution_params(convolution, convolution.out.c, info.has_bias);
}

Size macs(const LayerInfo& info) { return convolution_of(info).macs(); }

std::vector<Alternative> lower(const LayerInfo& info) { return convolution_calls("conv", convolution_of(info), info); }

}  // namespace

const OpDef& conv() {
  static const OpDef row{
      .name = "conv",
      .summary = "Convolution: each filter sums the products of a window of the input with its weights.",
      .args = convolution_args({positional("filters", ArgKind::integer, "number of filters: channels of the output"),
                                kernel_arg("height x width of the window, and the stride after a slash (1 without)")},
                               true),
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .macs = macs,
      .other_flops = bias_flops,
      .lower = lower,
      .fuse_activation = FuseActivation::by_output,
      .default_bias = true,
      .examples = std::vector<Example>{{"conv 4 3x3 pad", {8, 8, 3}},
                                       {"conv 6 3x3/2 pad groups 2 nobias", {7, 8, 4}},
                                       {"conv 3 2x3/2x1 same", {6, 5, 2}},
                                       {"conv 3 3x3 pad=2,1 dilate 2", {6, 7, 2}},
                                       {"conv 5 1x1", {4, 4, 3}}},
  };
  return row;
}

}  // namespace netc::ops
