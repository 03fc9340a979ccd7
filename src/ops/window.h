// Windows that slide over an image: kernel, stride, dilation and padding of conv, deconv, pool and avgpool.
#pragma once

#include "ops/common.h"

namespace netc::ops {

/// One direction of a window.
struct Axis {
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t before = 0, after = 0;  ///< padding above and below, left and right
  int64_t in = 1, out = 1;        ///< sizes of the layer's input and output; out < 1 where the window does not fit

  /// Rows from the first to the last one the kernel touches.
  int64_t extent() const { return dilation * (kernel - 1) + 1; }
};

struct Window {
  Axis h, w;
};

enum class DefaultStride { one, kernel };

/// Checks the numbers of `kernel`, `pad`, `dilate` and their combination (N0303, N0309, N0310), not whether the window fits.
bool check_window_arguments(const InferContext& context);
/// The window of checked arguments over an input of `in`: floor((in + padding - extent) / stride) + 1 positions; with `ceil`
/// rounded up, but the last must start inside the input or its left padding (PyTorch); with `same`, ceil(in / stride) (TensorFlow).
Window window_of(const Args& args, const Image& in, DefaultStride stride);
/// The window of a transposed convolution: out = (in - 1) * stride - padding + extent (PyTorch); with `same`, in * stride.
Window transposed_window_of(const Args& args, const Image& in);
/// N0302 where the kernel is larger than the padded input.
bool check_window_fits(const InferContext& context, const Window& window);
/// The note N0801 where rows or columns of the input lie in no window because the stride does not divide.
void note_dropped(const InferContext& context, const Window& window);

/// `KHxKW[/s]`, `pad`, `same`.
ArgSpec kernel_arg(std::string_view help);
ArgSpec pad_arg();
ArgSpec same_arg();

}  // namespace netc::ops
