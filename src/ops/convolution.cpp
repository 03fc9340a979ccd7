#include "ops/convolution.h"

namespace netc::ops {
namespace {

Desc conv_desc(const Convolution& convolution, Activation activation, double alpha) {
  const Axis &h = convolution.window.h, &w = convolution.window.w;
  Desc desc{"ConvDesc", {}};
  desc.add_per_sample("n", 1).add("h", convolution.in.h).add("w", convolution.in.w).add("c", convolution.in.c);
  desc.add("k", convolution.out.c).add("r", h.kernel).add("s", w.kernel).add("oh", convolution.out.h).add("ow", convolution.out.w);
  desc.add("stride_h", h.stride).add("stride_w", w.stride).add("pad_top", h.before).add("pad_left", w.before);
  desc.add("dilation_h", h.dilation).add("dilation_w", w.dilation).add("groups", convolution.groups);
  desc.add_activation(activation, alpha);
  return desc;
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

bool check_convolution_arguments(const InferContext& context) {
  bool ok = check_image(context);
  ok = check_integers(context, "filters", 1) && ok;
  ok = check_integers(context, "groups", 1) && ok;
  ok = check_window_arguments(context) && ok;
  return check_exclusive(context, "bias", "nobias") && ok;
}

bool check_groups(const InferContext& context, int64_t c, int64_t k, int64_t groups) {
  if (c % groups != 0) {
    Diagnostic& error = error_at(context, "N0304", "groups",
                                 std::to_string(c) + " input channels cannot be divided into " + std::to_string(groups) + " groups");
    error.label = "the input is " + shape_text(context.inputs[0]);
    note_origin(context, error);
  }
  if (k % groups != 0) {
    error_at(context, "N0305", "groups", std::to_string(k) + " filters cannot be divided into " + std::to_string(groups) + " groups")
        .help = "use " + std::to_string((k / groups + 1) * groups) + " filters";
  }
  return c % groups == 0 && k % groups == 0;
}

bool check_convolution_sizes(const InferContext& context, const Convolution& convolution) {
  const Image &in = convolution.in, &out = convolution.out;
  if (!check_shape(context, "its input", context.inputs[0])) return false;
  if (!check_shape(context, "its weight", convolution.weights())) return false;
  // A transposed convolution writes `in`: both are held against the limits.
  return check_shape(context, "its output", {out.h, out.w, out.c}) && check_shape(context, "its output", {in.h, in.w, in.c});
}

std::vector<ParamSpec> convolution_params(const Convolution& convolution, int64_t bias, bool has_bias) {
  const Shape weights = convolution.weights();
  const int64_t fan_in = weights[1] * weights[2] * weights[3], fan_out = weights[0] * weights[1] * weights[2];
  std::vector<ParamSpec> params{{.suffix = "w", .shape = weights, .role = ParamRole::weight, .init = {}, .fan_in = fan_in, .fan_out = fan_out}};
  if (has_bias) {
    params.push_back({.suffix = "b", .shape = {bias}, .role = ParamRole::bias, .init = {}, .fan_in = fan_in, .fan_out = fan_out});
  }
  return params;
}

std::vector<Alternative> convolution_calls(std::string_view prefix, const Convolution& convolution, const LayerInfo& info) {
  using namespace operand;
  const std::string name(prefix);
  const Desc desc = conv_desc(convolution, info.activation, info.alpha);
  const bool bias = info.has_bias;
  KernelCall forward{.kernel = name + "_forward", .outputs = {y}, .inputs = {x(), param(0), bias ? param(1) : none}, .desc = desc,
                     .workspace = true};
  KernelCall weights{.kernel = name + "_backward_weights", .outputs = {dparam(0), bias ? dparam(1) : none}, .inputs = {x(), dy},
                     .desc = desc, .workspace = true, .purpose = "the weight gradient"};
  KernelCall data{.kernel = name + "_backward_data", .outputs = {dx()}, .inputs = {dy, param(0)}, .desc = desc, .workspace = true,
                  .purpose = "the data gradient"};
  return {{.forward = std::move(forward), .aux = {}, .backward = {std::move(weights), std::move(data)}}};
}

Size bias_flops(const LayerInfo& info) { return info.has_bias ? elements(info.output) : Size(0); }

}  // namespace netc::ops
