// What conv, depthwise and deconv share: their arguments, ConvDesc and the calls of the forward and backward pass.
#pragma once

#include "ops/eager.h"
#include "ops/torch.h"

namespace netc::ops {

/// A convolution from `in` to `out`. For a transposed convolution it is the one whose data gradient the layer is:
/// `in` is then the layer's output.
struct Convolution {
  Image in, out;
  Window window;
  int64_t groups = 1;
  bool transposed = false;

  const Image& layer_output() const { return transposed ? in : out; }
  /// K x R x S x C/groups.
  Shape weights() const;
  /// Multiply-accumulates: one for every weight at every position of `out`, oh * ow * k * r * s * c / groups.
  /// (Transposed: h_in * w_in * c_in * r * s * c_out / groups, the same.)
  Size macs() const;
};

/// What a row makes of its arguments and its input's shape.
using MakeConvolution = Convolution (*)(const Args&, const Shape&);

/// `pad`, `same`, `dilate`, `groups` where `grouped`, `bias` and `nobias`, after the positional arguments `args`.
std::vector<ArgSpec> convolution_args(std::vector<ArgSpec> args, bool grouped);

/// The output shape or nothing after N0302 to N0305, N0307, N0309 or N0310.
std::optional<Shape> infer_convolution(const InferContext& context, MakeConvolution make);
/// Weight and bias; PyTorch's fans: fan_in = weights of one filter, fan_out = first size * r * s (deconv: the same formulas on its
/// C_in x C_out/groups weight, which makes fan_in C_out/groups * r * s).
std::vector<ParamSpec> convolution_params(const Convolution& convolution, bool has_bias);
/// The one way to run it. The backward pass reads the input (weights) and the weights (data).
std::vector<Alternative> convolution_calls(const Convolution& convolution, const LayerInfo& info);
/// nn.Conv2d or nn.ConvTranspose2d; padding that PyTorch's modules cannot say stands in the expression.
TorchLayer torch_convolution(const Convolution& convolution, const LayerInfo& info);
/// The convolution, after a copy where PyTorch cannot say the padding. Workspace that cuDNN may take is not counted.
std::vector<EagerCall> eager_convolution(const Convolution& convolution, const LayerInfo& info);
/// Beyond the multiply-accumulates: one addition an output element for the bias.
Size bias_flops(const LayerInfo& info);

/// The row of a convolution that differs from others only in what `make` makes of its arguments.
template <MakeConvolution make>
OpDef convolution_row(std::string_view name, std::vector<std::string_view> aliases, std::string_view summary, std::vector<ArgSpec> args,
                      std::vector<Example> examples) {
  return {.name = name,
          .aliases = std::move(aliases),
          .summary = summary,
          .args = std::move(args),
          .branches = std::pair{0, 0},
          .infer = +[](const InferContext& context) { return infer_convolution(context, make); },
          .params = [](const LayerInfo& info) { return convolution_params(make(info.args, info.inputs[0]), info.has_bias); },
          .macs = [](const LayerInfo& info) { return make(info.args, info.inputs[0]).macs(); },
          .other_flops = bias_flops,
          .lower = +[](const LayerInfo& info) { return convolution_calls(make(info.args, info.inputs[0]), info); },
          .fuse_activation = FuseActivation::by_output,
          .torch = +[](const LayerInfo& info) { return torch_convolution(make(info.args, info.inputs[0]), info); },
          .eager = +[](const LayerInfo& info) { return eager_convolution(make(info.args, info.inputs[0]), info); },
          .default_bias = true,
          .examples = std::move(examples)};
}

}  // namespace netc::ops
