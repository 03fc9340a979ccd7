// padto: zeros around an image. Kernel: place_forward both ways.
#include "ops/eager.h"
#include "ops/place.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) { return infer_place(context, true); }

std::vector<Alternative> lower(const LayerInfo& info) { return place_calls(info, true); }

TorchLayer torch(const LayerInfo& info) { return torch_place(info, true); }

}  // namespace

const OpDef& padto() {
  static const OpDef row{
      .name = "padto",
      .summary = "Zeros around the image up to a height and width.",
      .args = place_args("height x width of the output", "row and column of the output where the image begins: at=top,left"),
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = no_flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_copy,
      .examples = std::vector<Example>{{"padto 6x7", {3, 4, 2}}, {"padto 5x5 at=0,2", {3, 3, 2}}},
  };
  return row;
}

}  // namespace netc::ops
