// Eager calls that several rows share. Tensors are float32 unless their name says otherwise.
#pragma once

#include "ops/window.h"

namespace netc::ops {

namespace eager {
constexpr EagerTensor x(int i = 0) { return {EagerTensor::Kind::x, i}; }
constexpr EagerTensor made(int i) { return {EagerTensor::Kind::made, i}; }
constexpr EagerTensor param(int i) { return {EagerTensor::Kind::param, i}; }
constexpr EagerTensor result{EagerTensor::Kind::result, 0};
constexpr EagerTensor target{EagerTensor::Kind::target, 0};

/// `values` elements a sample, or once, of `size` bytes each.
Extent batched(Size values, int64_t size = 4);
Extent once(Size values, int64_t size = 4);
/// One tensor of that shape a sample.
Extent of(const Shape& shape);

/// A function of each element that keeps `saves`; the gradient is a new tensor.
EagerCall pointwise(EagerTensor from, const Extent& bytes, std::vector<EagerTensor> saves);
/// The sum of two tensors of one shape: keeps nothing, passes the gradient on.
EagerCall sum(EagerTensor a, EagerTensor b, const Extent& bytes);
/// A copy in another layout or place: keeps nothing; so does its backward pass, which makes a new tensor.
EagerCall copy(EagerTensor from, const Extent& bytes);
/// F.pad, where PyTorch's windows cannot say the padding.
EagerCall padded(const Image& in, const Window& window);
/// Another name for the same bytes. `gradient` is fresh where only a part is named: the others' zeros are made.
EagerCall view(EagerTensor from, const Extent& bytes, EagerGradient gradient = EagerGradient::passed);
/// F.linear with parameters `weight` and, unless negative, `bias`.
EagerCall linear(EagerTensor from, int weight, int bias, const Extent& bytes);
/// A norm with parameters 0 and 1 that keeps its input and `statistics` values a row, group or channel.
EagerCall normalise(EagerTensor from, const Extent& bytes, const Extent& statistics);
}  // namespace eager

/// `eager` of a row whose twin is one function that keeps its result.
std::vector<EagerCall> eager_saves_result(const LayerInfo& info);
/// `eager` of a row that only moves its values into a new tensor.
std::vector<EagerCall> eager_copy(const LayerInfo& info);
/// `eager` of a row whose output is its input by another name.
std::vector<EagerCall> eager_view(const LayerInfo& info);

}  // namespace netc::ops
