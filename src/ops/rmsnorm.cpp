// rmsnorm: root mean square normalisation over the channels (Zhang and Sennrich 2019, arXiv:1910.07467). Kernels: rmsnorm_forward,
// rmsnorm_backward.
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
  return {{.suffix = "gamma", .shape = {channels(info.output)}, .role = ParamRole::norm, .init = {InitKind::constant, 1}}};
}

/// For each element: 2 for the mean of squares, 2 to normalise and scale.
Size flops(const LayerInfo& info) { return elements(info.output) * Size(4); }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"NormDesc", {}};
  desc.add_per_sample("rows", rows(info.output)).add("c", channels(info.output)).add_real("eps", info.args.number("eps", 1e-5));
  const Type statistic{DType::f32, {rows(info.output)}, true};
  return {{.forward = {.kernel = "rmsnorm_forward", .outputs = {y, aux(0)}, .inputs = {x(), param(0)}, .desc = desc, .in_place = true},
           .aux = {{"invrms", statistic, "1 / root mean square of each row of channels"}},
           .backward = {{.kernel = "rmsnorm_backward",
                         .outputs = {dx(), dparam(0)},
                         .inputs = {x(), aux(0), param(0), dy},
                         .desc = desc,
                         .in_place = true,
                         .in_place_input = 3,
                         .workspace = true,
                         .purpose = "the gradients of its input and gamma"}}}};
}

// nn.RMSNorm came with PyTorch 2.4.
constexpr const char* kRmsNorm = R"(class RMSNorm(nn.Module):
    """Root mean square normalisation of the last axis."""

    def __init__(self, channels, eps=1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight
)";

TorchLayer torch(const LayerInfo& info) {
  const double eps = info.args.number("eps", 1e-5);
  const std::string module = "RMSNorm(" + std::to_string(channels(info.output)) + (eps == 1e-5 ? ")" : ", eps=" + number_text(eps) + ")");
  return {.module = module, .call = torch_channels_last(info.output), .tensors = torch_weight_bias(false), .helper = kRmsNorm};
}

/// The twin is a formula, of which autograd keeps every factor.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  const Extent whole = of(info.output), row = batched(rows(info.output));
  return {pointwise(x(), whole, {x()}),
          {.inputs = {{made(0)}}, .bytes = row},
          {.inputs = {{made(1), EagerGradient::passed}}, .bytes = row},
          pointwise(made(2), row, {result}),
          {.inputs = {{x()}, {made(3)}}, .bytes = whole, .saves = {x(), made(3)}, .backward_scratch = whole},
          {.inputs = {{made(4)}, {param(0)}}, .bytes = whole, .saves = {made(4)}, .backward_scratch = whole}};
}

}  // namespace

const OpDef& rmsnorm() {
  static const OpDef row{
      .name = "rmsnorm",
      .summary = "Root mean square normalisation: the channels of each pixel (or token) to mean square 1, then a learned scale.",
      .args = std::vector<ArgSpec>{word("eps", ArgKind::number, "1e-5", "added to the mean square")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"rmsnorm", {5, 8}}, {"rmsnorm eps 1e-3", {3, 5, 6}}, {"rmsnorm", {5}}},
  };
  return row;
}

}  // namespace netc::ops
