// deconv (`up`): transposed convolution, the data gradient of a convolution run forward. Kernels: deconv_*.
#include "ops/convolution.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

/// The convolution whose data gradient this layer is: from the layer's output to its input.
Convolution make(const Args& args, const Shape& input) {
  const Image in = as_image(input);
  const Window window = transposed_window_of(args, in);
  return {{window.h.out, window.w.out, args.integer("filters")}, in, window, args.integer("groups", 1), true};
}

}  // namespace

const OpDef& deconv() {
  static const OpDef row = convolution_row<make>(
      "deconv", {"up"},
      "Transposed convolution: every input position adds its weighted window to the output; `up 64 2x2/2` doubles the sides.",
      convolution_args({positional("filters", ArgKind::integer, "channels of the output"),
                        kernel_arg("height x width of the window, and the stride after a slash: how much the sides grow")},
                       true),
      {{"deconv 3 2x2/2", {4, 4, 2}}, {"up 4 3x3/2 pad nobias", {3, 4, 2}}, {"deconv 4 4x4/2 same groups 2", {3, 3, 4}}});
  return row;
}

}  // namespace netc::ops
