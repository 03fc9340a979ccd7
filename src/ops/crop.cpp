// crop: a part of an image. Kernel: place_forward both ways.
#include "ops/place.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) { return infer_place(context, false); }

std::vector<Alternative> lower(const LayerInfo& info) { return place_calls(info, false); }

TorchLayer torch(const LayerInfo& info) { return torch_place(info, false); }

}  // namespace

const OpDef& crop() {
  static const OpDef row{
      .name = "crop",
      .summary = "A part of the image of a given height and width.",
      .args = place_args("height x width of the part", "row and column of the image where the part begins: at=top,left"),
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = no_flops,
      .lower = lower,
      .torch = torch,
      .examples = std::vector<Example>{{"crop 3x4", {6, 7, 2}}, {"crop 2x2 at=1,0", {4, 4, 3}}},
  };
  return row;
}

}  // namespace netc::ops
