#include "ops/eager.h"

namespace netc::ops {

namespace eager {

Extent batched(Size values, int64_t size) { return {.per_sample = values * Size(size)}; }

Extent once(Size values, int64_t size) { return {.fixed = values * Size(size)}; }

Extent of(const Shape& shape) { return batched(elements(shape)); }

EagerCall pointwise(EagerTensor from, const Extent& bytes, std::vector<EagerTensor> saves) {
  return {.inputs = {{from}}, .bytes = bytes, .saves = std::move(saves), .any_layout = true};
}

EagerCall sum(EagerTensor a, EagerTensor b, const Extent& bytes) {
  return {.inputs = {{a, EagerGradient::passed}, {b, EagerGradient::passed}}, .bytes = bytes, .any_layout = true};
}

EagerCall copy(EagerTensor from, const Extent& bytes) { return pointwise(from, bytes, {}); }

EagerCall padded(const Image& in, const Window& window) {
  return copy(x(), of({in.h + window.h.before + window.h.after, in.w + window.w.before + window.w.after, in.c}));
}

EagerCall view(EagerTensor from, const Extent& bytes, EagerGradient gradient) {
  return {.inputs = {{from, gradient}}, .bytes = bytes, .result = EagerResult::view, .any_layout = true};
}

EagerCall linear(EagerTensor from, int weight, int bias, const Extent& bytes) {
  EagerCall call{.inputs = {{from}, {param(weight)}}, .bytes = bytes, .saves = {from}, .blas = true};
  if (bias >= 0) call.inputs.push_back({param(bias)});  // a sum of the gradient's rows, made when its shape is checked: last
  return call;
}

EagerCall normalise(EagerTensor from, const Extent& bytes, const Extent& statistics) {
  return {.inputs = {{from}, {param(0)}, {param(1)}}, .bytes = bytes, .saves = {from},
          .kept = {{"mean and deviation", statistics}, {"mean and deviation", statistics}}};
}

}  // namespace eager

std::vector<EagerCall> eager_saves_result(const LayerInfo& info) { return {eager::pointwise(eager::x(), eager::of(info.output), {eager::result})}; }

std::vector<EagerCall> eager_copy(const LayerInfo& info) { return {eager::copy(eager::x(), eager::of(info.output))}; }

std::vector<EagerCall> eager_view(const LayerInfo& info) { return {eager::view(eager::x(), eager::of(info.output))}; }

}  // namespace netc::ops
