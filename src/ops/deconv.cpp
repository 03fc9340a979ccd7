// deconv (`up`): transposed convolution, the data gradient of a convolution run forward. Kernels: deconv_*.
#include "ops/convolution.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

/// The convolution whose data gradient this layer is: from the layer's output to its input.
Convolution convolution_of(const Args& args, const Shape& input) {
  const Image in = as_image(input);
  const Window window = transposed_window_of(args, in);
  return {{window.h.out, window.w.out, args.integer("filters")}, in, window, args.integer("groups", 1)};
}

Convolution convolution_of(const LayerInfo& info) { return convolution_of(info.args, info.inputs[0]); }

std::optional<Shape> infer(const InferContext& context) {
  if (!check_convolution_arguments(context) || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  const Convolution convolution = convolution_of(context.args, context.inputs[0]);
  const bool groups = check_groups(context, convolution.out.c, convolution.in.c, convolution.groups);
  if (convolution.in.h < 1 || convolution.in.w < 1) {
    Diagnostic& error = error_at(context, "N0310", "pad", quoted(context.verb) + " has more padding than output: nothing is left");
    error.label = "the input is " + shape_text(context.inputs[0]);
    return std::nullopt;
  }
  if (!groups || !check_convolution_sizes(context, convolution)) return std::nullopt;
  return Shape{convolution.in.h, convolution.in.w, convolution.in.c};
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  const Convolution convolution = convolution_of(info);
  return convolution_params(convolution, convolution.in.c, info.has_bias);
}

/// h_in * w_in * c_in * r * s * c_out / groups.
Size macs(const LayerInfo& info) { return convolution_of(info).macs(); }

std::vector<Alternative> lower(const LayerInfo& info) { return convolution_calls("deconv", convolution_of(info), info); }

}  // namespace

const OpDef& deconv() {
  static const OpDef row{
      .name = "deconv",
      .aliases = {"up"},
      .summary = "Transposed convolution: every input position adds its weighted window to the output; `up 64 2x2/2` doubles the sides.",
      .args = convolution_args({positional("filters", ArgKind::integer, "channels of the output"),
                                kernel_arg("height x width of the window, and the stride after a slash: how much the sides grow")},
                               true),
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .macs = macs,
      .other_flops = bias_flops,
      .lower = lower,
      .fuse_activation = FuseActivation::by_output,
      .default_bias = true,
      .examples = std::vector<Example>{{"deconv 3 2x2/2", {4, 4, 2}},
                                       {"up 4 3x3/2 pad nobias", {3, 4, 2}},
                                       {"deconv 4 4x4/2 same groups 2", {3, 3, 4}}},
  };
  return row;
}

}  // namespace netc::ops
