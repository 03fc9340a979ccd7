#include "ir/type.h"

#include <fmt/format.h>

namespace netc {

namespace {
struct DTypeRow {
  std::string_view name;
  int bits;
};
constexpr DTypeRow kDTypes[] = {{"f32", 32}, {"f16", 16}, {"bf16", 16}, {"i32", 32}, {"u16", 16}, {"u8", 8}, {"f64", 64}, {"bit", 1}};
}  // namespace

std::string_view dtype_name(DType type) { return kDTypes[static_cast<size_t>(type)].name; }
int dtype_bits(DType type) { return kDTypes[static_cast<size_t>(type)].bits; }

std::string shape_text(const Shape& shape) {
  return shape.empty() ? std::string("1") : fmt::format("{}", fmt::join(shape, "x"));
}

Size elements(const Shape& shape) {
  Size n = 1;
  for (int64_t size : shape) n = n * Size(size);
  return n;
}

Size type_bytes(const Type& type, int64_t batch) {
  const Size count = elements(type.shape) * Size(type.batched ? batch : 1);
  const int bits = dtype_bits(type.dtype);
  if (bits >= 8) return count * Size(bits / 8);
  return count.ok() ? Size(count.value() / 8 + (count.value() % 8 != 0)) : count;
}

Image as_image(const Shape& shape) {
  Image image;
  if (shape.size() == 1) image.c = shape[0];
  if (shape.size() == 2) image.h = shape[0], image.c = shape[1];
  if (shape.size() == 3) image = {shape[0], shape[1], shape[2]};
  return image;
}

}  // namespace netc
