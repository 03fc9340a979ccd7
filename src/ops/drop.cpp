// drop: dropout (Srivastava et al. 2014), scaled while training. Kernel: drop_forward both ways; it makes its mask again from a counter.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const double p = context.args.number("p");
  if (!check_number(context, "p", p, p >= 0 && p < 1, "to be at least 0 and below 1")) return std::nullopt;
  return context.inputs[0];
}

/// An element's random number comes from its place in the whole batch.
std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"DropDesc", {}};
  desc.add_per_sample("count", elements(info.output).value()).add_real("p", info.args.number("p")).add("stream", info.layer_index);
  return {{.forward = {.kernel = "drop_forward", .outputs = {y}, .inputs = {x()}, .desc = desc, .in_place = true,
                       .mixes_samples = true},
           .aux = {},
           .backward = {{.kernel = "drop_forward", .outputs = {dx()}, .inputs = {dy}, .desc = desc, .in_place = true,
                         .mixes_samples = true, .purpose = "the gradient of what was not dropped"}}}};
}

KernelCall evaluate(const LayerInfo&) { return {.kernel = "", .outputs = {operand::y}, .inputs = {operand::x()}, .desc = {}}; }

TorchLayer torch(const LayerInfo& info) { return {.module = "nn.Dropout(" + number_text(info.args.number("p")) + ")", .call = "{m}({0})"}; }

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  if (info.args.number("p") == 0) return eager_view(info);
  EagerCall call = pointwise(x(), of(info.output), {});
  call.kept = {{"a mask of one byte an element", batched(elements(info.output), 1)}};
  return {call};
}

}  // namespace

const OpDef& drop() {
  static const OpDef row{
      .name = "drop",
      .summary = "Dropout: sets a fraction p to 0 while training and divides the others by 1 - p; nothing in evaluation.",
      .args = std::vector<ArgSpec>{positional("p", ArgKind::number, "fraction dropped, at least 0 and below 1")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .lower = lower,  // other_flops: one product an element, the default
      .evaluate = evaluate,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"drop 0.5", {20}}, {"drop 0.25", {4, 4, 3}}},
  };
  return row;
}

}  // namespace netc::ops
