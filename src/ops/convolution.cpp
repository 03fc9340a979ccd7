#include "ops/convolution.h"

#include <algorithm>

namespace netc::ops {
namespace {

Desc conv_desc(const Convolution& convolution, Activation activation, double alpha) {
  const Axis &h = convolution.window.h, &w = convolution.window.w;
  Desc desc{"ConvDesc", {}};
  desc.fields.own(18);  // as many as follow
  desc.add_per_sample("n", 1).add("h", convolution.in.h).add("w", convolution.in.w).add("c", convolution.in.c);
  desc.add("k", convolution.out.c).add("r", h.kernel).add("s", w.kernel).add("oh", convolution.out.h).add("ow", convolution.out.w);
  desc.add("stride_h", h.stride).add("stride_w", w.stride).add("pad_top", h.before).add("pad_left", w.before);
  desc.add("dilation_h", h.dilation).add("dilation_w", w.dilation).add("groups", convolution.groups);
  desc.add_activation(activation, alpha);
  return desc;
}

/// Checks that need only the arguments and the input.
bool check_arguments(const InferContext& context) {
  bool ok = check_image(context);
  ok = check_integers(context, "filters", 1) && ok;
  ok = check_integers(context, "groups", 1) && ok;
  ok = check_window_arguments(context) && ok;
  ok = check_exclusive(context, "bias", "nobias") && ok;
  return ok && check_shape(context, "its input", context.inputs[0]);
}

/// N0304 and N0305: `c` input channels and `k` filters must split into `groups`.
bool check_groups(const InferContext& context, int64_t c, int64_t k, int64_t groups) {
  if (c % groups != 0) report_groups(context, c, groups);
  if (k % groups != 0) {
    error_at(context, "N0305", "groups", std::to_string(k) + " filters cannot be divided into " + std::to_string(groups) + " groups")
        .help = "use " + std::to_string((k / groups + 1) * groups) + " filters";
  }
  return c % groups == 0 && k % groups == 0;
}

/// N0310 where the padding of a transposed convolution removes all of its output.
bool check_padding(const InferContext& context, const Convolution& convolution) {
  if (convolution.in.h >= 1 && convolution.in.w >= 1) return true;
  Diagnostic& error = error_at(context, "N0310", "pad", quoted(context.verb) + " has more padding than output: nothing is left");
  error.label = "the input is " + shape_text(context.inputs[0]);
  note_origin(context, error);
  return false;
}

/// What follows the kernel in the arguments of both modules; `padding` per direction.
std::string torch_arguments(const Convolution& convolution, bool bias, int64_t pad_h, int64_t pad_w) {
  const Axis &h = convolution.window.h, &w = convolution.window.w;
  std::string text = torch_option("stride", h.stride, w.stride, 1) + torch_option("padding", pad_h, pad_w, 0);
  text += torch_option("dilation", h.dilation, w.dilation, 1) + torch_option("groups", convolution.groups, convolution.groups, 1);
  return text + (bias ? "" : ", bias=False");
}

/// PyTorch's (in - 1) * stride - 2 * before + extent may fall short of the output (output_padding) or overshoot it (cut off).
int64_t missing(const Axis& axis, int64_t output) { return output - ((axis.in - 1) * axis.stride - 2 * axis.before + axis.extent()); }

TorchLayer torch_transposed(const Convolution& convolution, bool bias) {
  const Axis &h = convolution.window.h, &w = convolution.window.w;
  const int64_t more_h = missing(h, convolution.in.h), more_w = missing(w, convolution.in.w);
  TorchLayer twin;
  twin.module = "nn.ConvTranspose2d(" + std::to_string(convolution.out.c) + ", " + std::to_string(convolution.in.c) + ", " +
                torch_pair(h.kernel, w.kernel) + torch_arguments(convolution, bias, h.before, w.before) +
                torch_option("output_padding", std::max<int64_t>(more_h, 0), std::max<int64_t>(more_w, 0), 0) + ")";
  twin.call = "{m}({0})";
  if (more_h < 0 || more_w < 0) twin.call += "[:, :, :" + std::to_string(convolution.in.h) + ", :" + std::to_string(convolution.in.w) + "]";
  return twin;
}

}  // namespace

Shape Convolution::weights() const { return {out.c, window.h.kernel, window.w.kernel, in.c / groups}; }

Size Convolution::macs() const { return Size(out.h) * Size(out.w) * elements(weights()); }

std::vector<ArgSpec> convolution_args(std::vector<ArgSpec> args, bool grouped) {
  args.push_back(pad_arg());
  args.push_back(same_arg());
  args.push_back({.name = "dilate", .kind = ArgKind::integer, .max_values = 2, .default_text = "1",
                  .help = "distance between the kernel's taps: dilate d, or dilate=dh,dw"});
  if (grouped) args.push_back(word("groups", ArgKind::integer, "1", "filters of one group see only that group's input channels"));
  args.push_back(bias_flag());
  args.push_back(nobias_flag());
  return args;
}

std::optional<Shape> infer_convolution(const InferContext& context, MakeConvolution make) {
  if (!check_arguments(context)) return std::nullopt;
  const Convolution convolution = make(context.args, context.inputs[0]);
  const Image &input = convolution.transposed ? convolution.out : convolution.in, &output = convolution.layer_output();
  const bool groups = check_groups(context, input.c, output.c, convolution.groups);
  const bool fits = convolution.transposed ? check_padding(context, convolution) : check_window_fits(context, convolution.window);
  const Shape shape{output.h, output.w, output.c};
  if (!groups || !fits || !check_shape(context, "its weight", convolution.weights())) return std::nullopt;
  return check_shape(context, "its output", shape) ? std::optional(shape) : std::nullopt;
}

std::vector<ParamSpec> convolution_params(const Convolution& convolution, bool has_bias) {
  const Shape weights = convolution.weights();
  const int64_t fan_in = weights[1] * weights[2] * weights[3], fan_out = weights[0] * weights[1] * weights[2];
  std::vector<ParamSpec> params{{.suffix = "w", .shape = weights, .role = ParamRole::weight, .init = {}, .fan_in = fan_in, .fan_out = fan_out}};
  if (has_bias) {
    const Shape bias{convolution.layer_output().c};
    params.push_back({.suffix = "b", .shape = bias, .role = ParamRole::bias, .init = {}, .fan_in = fan_in, .fan_out = fan_out});
  }
  return params;
}

std::vector<Alternative> convolution_calls(const Convolution& convolution, const LayerInfo& info) {
  using namespace operand;
  const bool transposed = convolution.transposed;
  const Desc desc = conv_desc(convolution, info.activation, info.alpha);
  const bool bias = info.has_bias;
  const Work work{.macs = convolution.macs().value()};
  KernelCall forward{.kernel = transposed ? Literal("deconv_forward") : Literal("conv_forward"), .outputs = {y},
                     .inputs = {x(), param(0), bias ? param(1) : none}, .desc = desc, .workspace = true, .work = work};
  KernelCall weights{.kernel = transposed ? Literal("deconv_backward_weights") : Literal("conv_backward_weights"),
                     .outputs = {dparam(0), bias ? dparam(1) : none}, .inputs = {x(), dy},
                     .desc = desc, .workspace = true, .purpose = "the weight gradient", .work = work};
  KernelCall data{.kernel = transposed ? Literal("deconv_backward_data") : Literal("conv_backward_data"), .outputs = {dx()},
                  .inputs = {dy, param(0)}, .desc = desc, .workspace = true, .purpose = "the data gradient", .work = work};
  return {{.forward = std::move(forward), .aux = {}, .backward = {std::move(weights), std::move(data)}}};
}

TorchLayer torch_convolution(const Convolution& convolution, const LayerInfo& info) {
  const Window& window = convolution.window;
  TorchLayer twin;
  if (convolution.transposed) {
    twin = torch_transposed(convolution, info.has_bias);
  } else {
    const bool pads = torch_pads(window);
    twin.module = "nn.Conv2d(" + std::to_string(convolution.in.c) + ", " + std::to_string(convolution.out.c) + ", " +
                  torch_pair(window.h.kernel, window.w.kernel) +
                  torch_arguments(convolution, info.has_bias, pads ? window.h.before : 0, pads ? window.w.before : 0) + ")";
    twin.call = "{m}(" + (pads ? "{0}" : torch_padded(window)) + ")";
  }
  twin.tensors = torch_weight_bias(info.has_bias, {0, 3, 1, 2});
  return twin;
}

std::vector<EagerCall> eager_convolution(const Convolution& convolution, const LayerInfo& info) {
  using namespace eager;
  std::vector<EagerCall> calls;
  if (!convolution.transposed && !torch_pads(convolution.window)) calls.push_back(padded(convolution.in, convolution.window));
  const EagerTensor from = calls.empty() ? x() : made(0);
  EagerCall call{.inputs = {{from}, {param(0)}}, .bytes = of(info.output), .saves = {from}};
  if (info.has_bias) call.inputs.push_back({param(1)});
  calls.push_back(call);
  if (!convolution.transposed) return calls;
  const int64_t more_h = std::max<int64_t>(-missing(convolution.window.h, convolution.in.h), 0);
  const int64_t more_w = std::max<int64_t>(-missing(convolution.window.w, convolution.in.w), 0);
  if (more_h + more_w == 0) return calls;
  calls[0].bytes = of({convolution.in.h + more_h, convolution.in.w + more_w, convolution.in.c});
  calls.push_back(view(made(0), of(info.output), EagerGradient::fresh));
  return calls;
}

Size bias_flops(const LayerInfo& info) { return info.has_bias ? elements(info.output) : Size(0); }

}  // namespace netc::ops
