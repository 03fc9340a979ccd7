// What conv, depthwise and deconv share: their arguments, ConvDesc and the calls of the forward and backward pass.
#pragma once

#include "ops/window.h"

namespace netc::ops {

/// A convolution from `in` to `out`. For a transposed convolution it is the one whose data gradient the layer is:
/// `in` is then the layer's output.
struct Convolution {
  Image in, out;
  Window window;
  int64_t groups = 1;

  /// K x R x S x C/groups.
  Shape weights() const;
  /// Multiply-accumulates: one for every weight at every output position, oh * ow * k * r * s * c / groups.
  Size macs() const;
};

/// `pad`, `same`, `dilate`, `bias`, `nobias`, with `groups` where `grouped`, after the positional arguments `args`.
std::vector<ArgSpec> convolution_args(std::vector<ArgSpec> args, bool grouped);
/// Checks that need only the arguments and the input's rank.
bool check_convolution_arguments(const InferContext& context);
/// N0304 and N0305: `c` input channels and `k` filters must split into `groups`.
bool check_groups(const InferContext& context, int64_t c, int64_t k, int64_t groups);
/// N0309 for everything that must fit in a ConvDesc or be countable.
bool check_convolution_sizes(const InferContext& context, const Convolution& convolution);

/// Weight and bias; PyTorch's fans: fan_in = weights of one filter, fan_out = first size * r * s (deconv: the same formulas on its
/// C_in x C_out/groups weight, which makes fan_in C_out/groups * r * s).
std::vector<ParamSpec> convolution_params(const Convolution& convolution, int64_t bias, bool has_bias);

/// The one way to run it: `prefix` is "conv" or "deconv". The backward pass reads the input (weights) and the weights (data).
std::vector<Alternative> convolution_calls(std::string_view prefix, const Convolution& convolution, const LayerInfo& info);

/// Beyond the multiply-accumulates: one addition an output element for the bias.
Size bias_flops(const LayerInfo& info);

}  // namespace netc::ops
