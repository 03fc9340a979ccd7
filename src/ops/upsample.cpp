// upsample: enlarges an image by a whole factor. Kernels: upsample_forward, upsample_backward.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  bool ok = check_image(context);
  ok = check_integers(context, "factor", 1) && ok;
  ok = check_exclusive(context, "nearest", "bilinear") && ok;
  if (!ok || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  const Image in = as_image(context.inputs[0]);
  const int64_t factor = context.args.integer("factor", 1);
  const Shape output{in.h * factor, in.w * factor, in.c};
  if (!check_shape(context, "its output", output)) return std::nullopt;
  return output;
}

/// bilinear: 4 products and 3 additions for each output; nearest only copies.
Size flops(const LayerInfo& info) { return info.args.has("bilinear") ? elements(info.output) * Size(7) : Size(0); }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const Image in = as_image(info.inputs[0]);
  Desc desc{"UpsampleDesc", {}};
  desc.add_per_sample("n", 1).add("h", in.h).add("w", in.w).add("c", in.c);
  desc.add("factor", info.args.integer("factor", 1)).add("bilinear", info.args.has("bilinear") ? 1 : 0);
  return {{.forward = {.kernel = "upsample_forward", .outputs = {y}, .inputs = {x()}, .desc = desc},
           .aux = {},
           .backward = {{.kernel = "upsample_backward", .outputs = {dx()}, .inputs = {dy}, .desc = desc,
                         .purpose = "the gradient gathered for each input"}}}};
}

TorchLayer torch(const LayerInfo& info) {
  const std::string mode = info.args.has("bilinear") ? ", mode=\"bilinear\", align_corners=False" : "";
  return torch_expression("F.interpolate({0}, scale_factor=" + std::to_string(info.args.integer("factor", 1)) + mode + ")");
}

}  // namespace

const OpDef& upsample() {
  static const OpDef row{
      .name = "upsample",
      .summary = "Enlarges height and width by a whole factor.",
      .args = std::vector<ArgSpec>{positional("factor", ArgKind::integer, "how many times larger each side becomes"),
                                   flag("nearest", "repeats each pixel (the default)"),
                                   flag("bilinear", "interpolates, as PyTorch with align_corners=False")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_copy,
      .examples = std::vector<Example>{{"upsample 2", {3, 4, 2}}, {"upsample 3 nearest", {2, 2, 3}}, {"upsample 2 bilinear", {4, 3, 2}}},
  };
  return row;
}

}  // namespace netc::ops
