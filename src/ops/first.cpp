// first: the first token of a sequence. Kernel: place_forward both ways.
#include "ops/eager.h"
#include "ops/place.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  if (!check_sequence(context) || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  return Shape{channels(context.inputs[0])};
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const int64_t t = info.inputs[0][0], c = channels(info.output);
  return {{.forward = {.kernel = "place_forward", .outputs = {y}, .inputs = {x()}, .desc = place_desc({t, 1, c}, {1, 1, c}, 0, 0),
                       .work = {.touches = c}},
           .aux = {},
           .backward = {{.kernel = "place_forward", .outputs = {dx()}, .inputs = {dy}, .desc = place_desc({1, 1, c}, {t, 1, c}, 0, 0),
                         .purpose = "the gradient, zeros for the other tokens"}}}};
}

TorchLayer torch(const LayerInfo&) { return torch_expression("{0}[:, 0]"); }

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  return {eager::view(eager::x(), eager::of(info.output), EagerGradient::fresh)};
}

}  // namespace

const OpDef& first() {
  static const OpDef row{
      .name = "first",
      .summary = "The first token of a sequence: T x C becomes C.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = no_flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"first", {4, 3}}, {"first", {1, 6}}},
  };
  return row;
}

}  // namespace netc::ops
