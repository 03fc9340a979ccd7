// depthwise: a convolution with one filter for each channel. Kernels: those of conv, with as many groups as channels.
#include "ops/convolution.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

Convolution make(const Args& args, const Shape& input) {
  const Image in = as_image(input);
  const Window window = window_of(args, in, DefaultStride::one);
  return {in, {window.h.out, window.w.out, in.c}, window, in.c};
}

}  // namespace

const OpDef& depthwise() {
  static const OpDef row = convolution_row<make>(
      "depthwise", {}, "Convolution of every channel with a filter of its own.",
      convolution_args({kernel_arg("height x width of the window, and the stride after a slash (1 without)")}, false),
      {{"depthwise 3x3 pad", {6, 6, 3}}, {"depthwise 5x5/2 same nobias", {7, 7, 2}}});
  return row;
}

}  // namespace netc::ops
