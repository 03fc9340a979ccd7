// tokens: an image as a sequence of its pixels. No kernel: another name for the same bytes.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  if (!check_image(context) || !check_rows(context)) return std::nullopt;
  return Shape{rows(context.inputs[0]), channels(context.inputs[0])};
}

int parts(const LayerInfo&) { return 0; }

std::vector<Alternative> lower(const LayerInfo&) { return {}; }

TorchLayer torch(const LayerInfo&) { return torch_expression("{0}.flatten(2).transpose(1, 2)"); }

}  // namespace

const OpDef& tokens() {
  static const OpDef row{
      .name = "tokens",
      .summary = "An image as a sequence of its pixels, row by row: H x W x C becomes (H*W) x C.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = no_flops,
      .parts = parts,
      .lower = lower,
      .torch = torch,
      .eager = eager_view,
      .examples = std::vector<Example>{{"tokens", {3, 4, 2}}, {"tokens", {2, 2, 5}}},
  };
  return row;
}

}  // namespace netc::ops
