// crop: a part of an image. Kernel: place_forward both ways.
#include "ops/eager.h"
#include "ops/place.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) { return infer_place(context, false); }

std::vector<Alternative> lower(const LayerInfo& info) { return place_calls(info, false); }

TorchLayer torch(const LayerInfo& info) { return torch_place(info, false); }

/// Rows, then columns: the backward pass makes an image of zeros for each.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  const Shape rows_cut{info.output[0], info.inputs[0][1], info.inputs[0][2]};
  return {view(x(), of(rows_cut), EagerGradient::fresh), view(made(0), of(info.output), EagerGradient::fresh)};
}

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
      .eager = eager_calls,
      .examples = std::vector<Example>{{"crop 3x4", {6, 7, 2}}, {"crop 2x2 at=1,0", {4, 4, 3}}},
  };
  return row;
}

}  // namespace netc::ops
