// groupnorm: normalisation over groups of channels (Wu and He 2018, arXiv:1803.08494). Kernels: groupnorm_forward, groupnorm_apply,
// groupnorm_backward.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const double eps = context.args.number("eps", 1e-5);
  bool ok = check_integers(context, "groups", 1);
  ok = check_number(context, "eps", eps, eps > 0, "to be above 0") && ok;
  if (!ok || !check_rows(context)) return std::nullopt;
  const int64_t c = channels(context.inputs[0]), groups = context.args.integer("groups", 1);
  if (c % groups != 0) return report_groups(context, c, groups), std::nullopt;
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
  const int64_t groups = info.args.integer("groups", 1);
  Desc desc{"GroupNormDesc", {}};
  desc.add_per_sample("n", 1).add("pixels", rows(info.output)).add("c", channels(info.output)).add("groups", groups);
  desc.add_real("eps", info.args.number("eps", 1e-5));
  const Type statistic{DType::f32, {groups}, true};
  return {{.forward = {.kernel = "groupnorm_forward", .outputs = {y, aux(0), aux(1)}, .inputs = {x(), param(0), param(1)}, .desc = desc,
                       .in_place = true},
           .aux = {{"mean", statistic, "the mean of each group of channels"}, {"invstd", statistic, "1 / standard deviation of each group of channels"}},
           .backward = {{.kernel = "groupnorm_backward",
                         .outputs = {dx(), dparam(0), dparam(1)},
                         .inputs = {x(), aux(0), aux(1), param(0), dy},
                         .desc = desc,
                         .in_place = true,
                         .in_place_input = 4,
                         .workspace = true,
                         .purpose = "the gradients of its input, gamma and beta"}},
           .again = KernelCall{.kernel = "groupnorm_apply",
                               .outputs = {y},
                               .inputs = {x(), aux(0), aux(1), param(0), param(1)},
                               .desc = desc,
                               .in_place = true}}};
}

TorchLayer torch(const LayerInfo& info) {
  const double eps = info.args.number("eps", 1e-5);
  const std::string sizes = std::to_string(info.args.integer("groups", 1)) + ", " + std::to_string(channels(info.output));
  return {.module = "nn.GroupNorm(" + sizes + (eps == 1e-5 ? ")" : ", eps=" + number_text(eps) + ")"),
          .call = channels_first(info.output) ? "{m}({0})" : "{m}({0}.transpose(1, 2)).transpose(1, 2)",
          .tensors = torch_weight_bias(true)};
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  return {eager::normalise(eager::x(), eager::of(info.output), eager::batched(info.args.integer("groups", 1)))};
}

}  // namespace

const OpDef& groupnorm() {
  static const OpDef row{
      .name = "groupnorm",
      .summary = "Group normalisation: each group of a sample's channels to mean 0 and variance 1 over all pixels, then a learned scale and shift.",
      .args = std::vector<ArgSpec>{positional("groups", ArgKind::integer, "groups, which must divide the channels"),
                                   word("eps", ArgKind::number, "1e-5", "added to the variance")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"groupnorm 2", {4, 4, 6}}, {"groupnorm 3 eps 1e-3", {3, 5, 6}}, {"groupnorm 1", {5, 4}}},
  };
  return row;
}

}  // namespace netc::ops
