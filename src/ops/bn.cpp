// bn: batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167). Kernels: bn_forward, bn_apply, bn_backward, bn_evaluate.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const double eps = context.args.number("eps", 1e-5), keep = context.args.number("keep", 0.9);
  bool ok = check_number(context, "eps", eps, eps > 0, "to be above 0");
  ok = check_number(context, "keep", keep, keep >= 0 && keep <= 1, "to be between 0 and 1") && ok;
  if (!ok || !check_rows(context)) return std::nullopt;
  return context.inputs[0];
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  const Shape shape{channels(info.output)};
  return {{.suffix = "gamma", .shape = shape, .role = ParamRole::norm, .init = {InitKind::constant, 1}},
          {.suffix = "beta", .shape = shape, .role = ParamRole::norm, .init = {InitKind::constant, 0}}};
}

std::vector<ParamSpec> states(const LayerInfo& info) {
  const Shape shape{channels(info.output)};
  return {{.suffix = "running_mean", .shape = shape, .role = ParamRole::norm, .init = {InitKind::constant, 0}},
          {.suffix = "running_var", .shape = shape, .role = ParamRole::norm, .init = {InitKind::constant, 1}}};
}

/// For each element: 1 for the mean, 3 for the variance (subtract, square, add), 4 to normalise, scale and shift.
Size flops(const LayerInfo& info) { return elements(info.output) * Size(8); }

Desc desc_of(const LayerInfo& info) {
  Desc desc{"BnDesc", {}};
  desc.add_per_sample("rows", rows(info.output)).add("c", channels(info.output));
  desc.add_real("eps", info.args.number("eps", 1e-5)).add_real("keep", info.args.number("keep", 0.9));
  desc.add_activation(info.activation, info.alpha);
  return desc;
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const Desc desc = desc_of(info);
  const Type statistic{DType::f32, {channels(info.output)}, false};
  return {{.forward = {.kernel = "bn_forward",
                       .outputs = {y, aux(0), aux(1), state(0), state(1)},
                       .inputs = {x(), param(0), param(1)},
                       .desc = desc,
                       .in_place = true,
                       .workspace = true,
                       .mixes_samples = true},
           .aux = {{"mean", statistic, "the batch's mean of each channel"},
                   {"invstd", statistic, "1 / standard deviation of each channel in the batch"}},
           .backward = {{.kernel = "bn_backward",
                         .outputs = {dx(), dparam(0), dparam(1)},
                         .inputs = {x(), aux(0), aux(1), param(0), param(1), dy},
                         .desc = desc,
                         .in_place = true,
                         .in_place_input = 5,
                         .workspace = true,
                         .mixes_samples = true,
                         .purpose = "the gradients of its input, gamma and beta"}},
           .again = KernelCall{.kernel = "bn_apply",
                               .outputs = {y},
                               .inputs = {x(), aux(0), aux(1), param(0), param(1)},
                               .desc = desc,
                               .in_place = true}}};
}

KernelCall evaluate(const LayerInfo& info) {
  using namespace operand;
  return {.kernel = "bn_evaluate", .outputs = {y}, .inputs = {x(), param(0), param(1), state(0), state(1)}, .desc = desc_of(info),
          .in_place = true};
}

TorchLayer torch(const LayerInfo& info) {
  const bool image = info.output.size() == 3, sequence = info.output.size() == 2;
  const double eps = info.args.number("eps", 1e-5), keep = info.args.number("keep", 0.9);
  std::string module = std::string(image ? "nn.BatchNorm2d(" : "nn.BatchNorm1d(") + std::to_string(channels(info.output));
  if (eps != 1e-5) module += ", eps=" + number_text(eps);
  if (keep != 0.9) module += ", momentum=" + number_text(1 - keep);
  std::vector<TorchTensor> tensors = torch_weight_bias(true);
  tensors.push_back({.attribute = "running_mean", .tensor = 2});
  tensors.push_back({.attribute = "running_var", .tensor = 3});
  return {.module = module + ")", .call = sequence ? "{m}({0}.transpose(1, 2)).transpose(1, 2)" : "{m}({0})", .tensors = std::move(tensors)};
}

/// cuDNN's and PyTorch's own kernels keep the same; cuDNN's reserve, whose size it alone knows, is counted as 0.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  EagerCall call = eager::normalise(eager::x(), eager::of(info.output), eager::once(channels(info.output)));
  call.module_bytes = 8;  // num_batches_tracked
  return {call};
}

}  // namespace

const OpDef& bn() {
  static const OpDef row{
      .name = "bn",
      .summary = "Batch normalisation: each channel to mean 0 and variance 1 over the batch, then a learned scale and shift.",
      .args = std::vector<ArgSpec>{word("eps", ArgKind::number, "1e-5", "added to the variance"),
                                   word("keep", ArgKind::number, "0.9",
                                        "fraction of the running statistics kept at each step (1 - PyTorch's momentum)")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .states = states,
      .other_flops = flops,
      .lower = lower,
      .evaluate = evaluate,
      .fuse_activation = FuseActivation::whole,
      .torch = torch,
      .eager = eager_calls,
      .drops_preceding_bias = true,
      .examples = std::vector<Example>{{"bn", {4, 4, 3}}, {"bn eps 1e-3 keep 0.99", {3, 5, 2}}, {"bn", {6}}},
  };
  return row;
}

}  // namespace netc::ops
