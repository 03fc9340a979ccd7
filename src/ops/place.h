// What padto and crop share: an image laid on a larger or cut to a smaller canvas. cls and first move a sequence's tokens with it, as the rows
// of an image one pixel wide.
#pragma once

#include "ops/torch.h"

namespace netc::ops {

/// The output shape of `size` (H x W), or N0308 where the image, shifted by `at`, does not lie within it (padto: `grows`) or it not within
/// the image (crop).
std::optional<Shape> infer_place(const InferContext& context, bool grows);
/// place_forward with the shift, and with the opposite one for the gradient. Without `at` the image is centred, an odd row or column
/// being left at the bottom and right.
std::vector<Alternative> place_calls(const LayerInfo& info, bool grows);
/// place_forward's constants.
Desc place_desc(const Image& in, const Image& out, int64_t top, int64_t left);
/// `HxW` and `at=top,left`.
std::vector<ArgSpec> place_args(std::string_view size_help, std::string_view at_help);

TorchLayer torch_place(const LayerInfo& info, bool grows);

}  // namespace netc::ops
