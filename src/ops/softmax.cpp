// softmax over the channels. Kernels: softmax_forward, softmax_backward.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  if (!check_rows(context)) return std::nullopt;
  return context.inputs[0];
}

/// For each element: maximum, difference, exp, sum and quotient.
Size flops(const LayerInfo& info) { return elements(info.output) * Size(5); }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"SoftmaxDesc", {}};
  desc.add_per_sample("rows", rows(info.output)).add("cols", channels(info.output));
  return {{.forward = {.kernel = "softmax_forward", .outputs = {y}, .inputs = {x()}, .desc = desc},
           .aux = {},
           .backward = {{.kernel = "softmax_backward", .outputs = {dx()}, .inputs = {y, dy}, .desc = desc, .purpose = "the softmax's gradient"}}}};
}

TorchLayer torch(const LayerInfo& info) {
  return torch_expression(channels_first(info.output) ? "F.softmax({0}, 1)" : "F.softmax({0}, 2)");
}

}  // namespace

const OpDef& softmax() {
  static const OpDef row{
      .name = "softmax",
      .summary = "exp(x) divided by its sum over the channels; not before `loss softmax`, which does it itself.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_saves_result,
      .examples = std::vector<Example>{{"softmax", {6}}, {"softmax", {3, 3, 4}}},
  };
  return row;
}

}  // namespace netc::ops
