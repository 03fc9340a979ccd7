// norm: layer normalisation over the channels (Ba, Kiros and Hinton 2016, arXiv:1607.06450). Kernels: norm_forward, norm_backward.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const double eps = context.args.number("eps", 1e-5);
  if (!check_number(context, "eps", eps, eps > 0, "to be above 0") || !check_rows(context)) return std::nullopt;
  return context.inputs[0];
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  const Shape shape{channels(info.output)};
  return {{.suffix = "gamma", .shape = shape, .role = ParamRole::norm, .init = {InitKind::constant, 1}},
          {.suffix = "beta", .shape = shape, .role = ParamRole::norm, .init = {InitKind::constant, 0}}};
}

/// For each element: 1 for the mean, 3 for the variance (subtract, square, add), 4 to normalise, scale and shift.
Size flops(const LayerInfo& info) { return elements(info.output) * Size(8); }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"NormDesc", {}};
  desc.add_per_sample("rows", rows(info.output)).add("c", channels(info.output)).add_real("eps", info.args.number("eps", 1e-5));
  const Type statistic{DType::f32, {rows(info.output)}, true};
  return {{.forward = {.kernel = "norm_forward", .outputs = {y, aux(0), aux(1)}, .inputs = {x(), param(0), param(1)}, .desc = desc, .in_place = true},
           .aux = {{"mean", statistic, "the mean of each row of channels"}, {"invstd", statistic, "1 / standard deviation of each row of channels"}},
           .backward = {{.kernel = "norm_backward",
                         .outputs = {dx(), dparam(0), dparam(1)},
                         .inputs = {x(), aux(0), aux(1), param(0), dy},
                         .desc = desc,
                         .in_place = true,
                         .in_place_input = 4,
                         .workspace = true,
                         .purpose = "the gradients of its input, gamma and beta"}}}};
}

TorchLayer torch(const LayerInfo& info) {
  const double eps = info.args.number("eps", 1e-5);
  const std::string module = "nn.LayerNorm(" + std::to_string(channels(info.output)) + (eps == 1e-5 ? ")" : ", eps=" + number_text(eps) + ")");
  return {.module = module, .call = torch_channels_last(info.output), .tensors = torch_weight_bias(true)};
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  EagerCall call = eager::normalise(eager::x(), eager::of(info.output), eager::batched(rows(info.output)));
  if (info.output.size() == 3) call.scratch = call.backward_scratch = eager::of(info.output);  // an image with its channels put last
  return {call};
}

}  // namespace

const OpDef& norm() {
  static const OpDef row{
      .name = "norm",
      .summary = "Layer normalisation: the channels of each pixel (or token) to mean 0 and variance 1, then a learned scale and shift.",
      .args = std::vector<ArgSpec>{word("eps", ArgKind::number, "1e-5", "added to the variance")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"norm", {4, 4, 8}}, {"norm eps 1e-3", {3, 5, 6}}, {"norm", {5}}},
  };
  return row;
}

}  // namespace netc::ops
