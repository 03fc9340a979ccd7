// Pieces of PyTorch twins that several rows share: Python text for arguments, windows and layouts.
#pragma once

#include "ops/window.h"

namespace netc::ops {

/// `channels_first`: PyTorch has the channels on axis 1 (an image, a vector), else last (a sequence).
bool channels_first(const Shape& shape);
/// A twin without a module.
TorchLayer torch_expression(std::string call);
/// A Python float: "1.0", "0.5".
std::string torch_real(double value);
/// "3" where both are equal, else "(3, 5)".
std::string torch_pair(int64_t h, int64_t w);
/// ", name=3" or ", name=(3, 5)"; empty where both are `otherwise`, PyTorch's default.
std::string torch_option(std::string_view name, int64_t h, int64_t w, int64_t otherwise);
/// Whether PyTorch's padding, the same before and after, can say the window's.
bool torch_pads(const Window& window);
/// "F.pad({0}, (left, right, top, bottom))", with `value` where it is not zeros.
std::string torch_padded(const Window& window, std::string_view value = "");
/// `call` of {0} for a module that wants the channels last, whatever the shape.
std::string torch_channels_last(const Shape& shape, std::string_view module = "{m}");
/// {0} as a vector in netc's order: rows, columns, channels. (Free where PyTorch's tensors are in channels_last.)
std::string torch_flat(const Shape& shape);
/// "weight" and "bias" of netc's first two parameters.
std::vector<TorchTensor> torch_weight_bias(bool bias, std::vector<int> weight_axes = {});

}  // namespace netc::ops
