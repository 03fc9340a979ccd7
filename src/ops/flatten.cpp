// flatten: the same values as one flat vector, in the order rows, columns, channels. No kernel: another name for the same bytes.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const Size size = elements(context.inputs[0]);
  if (!check_int32(context, "the number of values of its input", size)) return std::nullopt;
  return Shape{size.value()};
}

int parts(const LayerInfo&) { return 0; }

std::vector<Alternative> lower(const LayerInfo&) { return {}; }

TorchLayer torch(const LayerInfo& info) { return torch_expression(torch_flat(info.inputs[0])); }

}  // namespace

const OpDef& flatten() {
  static const OpDef row{
      .name = "flatten",
      .summary = "The same values as one flat vector, in the order rows, columns, channels.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = no_flops,
      .parts = parts,
      .lower = lower,
      .torch = torch,
      .eager = eager_view,
      .examples = std::vector<Example>{{"flatten", {3, 4, 2}}, {"flatten", {4, 5}}},
  };
  return row;
}

}  // namespace netc::ops
