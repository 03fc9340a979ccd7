#include "ops/torch.h"

namespace netc::ops {

bool channels_first(const Shape& shape) { return shape.size() != 2; }

TorchLayer torch_expression(std::string call) { return {.module = {}, .call = std::move(call)}; }

std::string torch_real(double value) {
  const std::string text = number_text(value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string torch_pair(int64_t h, int64_t w) {
  return h == w ? std::to_string(h) : "(" + std::to_string(h) + ", " + std::to_string(w) + ")";
}

std::string torch_option(std::string_view name, int64_t h, int64_t w, int64_t otherwise) {
  return h == otherwise && w == otherwise ? "" : ", " + std::string(name) + "=" + torch_pair(h, w);
}

bool torch_pads(const Window& window) { return window.h.before == window.h.after && window.w.before == window.w.after; }

std::string torch_padded(const Window& window, std::string_view value) {
  const Axis &h = window.h, &w = window.w;
  return "F.pad({0}, (" + std::to_string(w.before) + ", " + std::to_string(w.after) + ", " + std::to_string(h.before) + ", " +
         std::to_string(h.after) + ")" + (value.empty() ? "" : ", value=" + std::string(value)) + ")";
}

std::string torch_channels_last(const Shape& shape, std::string_view module) {
  if (shape.size() != 3) return std::string(module) + "({0})";
  return std::string(module) + "({0}.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)";
}

std::string torch_flat(const Shape& shape) {
  if (shape.size() == 1) return "{0}";
  const bool image = shape.size() == 3 && shape[0] * shape[1] > 1;
  return image ? "{0}.permute(0, 2, 3, 1).flatten(1)" : "{0}.flatten(1)";
}

std::vector<TorchTensor> torch_weight_bias(bool bias, std::vector<int> weight_axes) {
  std::vector<TorchTensor> tensors{{.attribute = "weight", .tensor = 0, .axes = std::move(weight_axes)}};
  if (bias) tensors.push_back({.attribute = "bias", .tensor = 1});
  return tensors;
}

}  // namespace netc::ops
