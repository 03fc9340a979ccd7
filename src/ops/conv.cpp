// conv: convolution. Kernels: conv_forward, conv_backward_weights, conv_backward_data.
#include "ops/convolution.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

Convolution make(const Args& args, const Shape& input) {
  const Image in = as_image(input);
  const Window window = window_of(args, in, DefaultStride::one);
  return {in, {window.h.out, window.w.out, args.integer("filters")}, window, args.integer("groups", 1)};
}

}  // namespace

const OpDef& conv() {
  static const OpDef row = convolution_row<make>(
      "conv", {}, "Convolution: each filter sums the products of a window of the input with its weights.",
      convolution_args({positional("filters", ArgKind::integer, "number of filters: channels of the output"),
                        kernel_arg("height x width of the window, and the stride after a slash (1 without)")},
                       true),
      {{"conv 4 3x3 pad", {8, 8, 3}},
       {"conv 6 3x3/2 pad groups 2 nobias", {7, 8, 4}},
       {"conv 3 2x3/2x1 same", {6, 5, 2}},
       {"conv 3 3x3 pad=2,1 dilate 2", {6, 7, 2}},
       {"conv 5 1x1", {4, 4, 3}}});
  return row;
}

}  // namespace netc::ops
