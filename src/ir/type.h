// Element types and shapes of values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/checked.h"
#include "support/few.h"

namespace netc {

enum class DType : uint8_t { f32, f16, bf16, i32, u16, u8, f64, bit };

/// "f32", "i32", ...
std::string_view dtype_name(DType type);
/// Bits of one element: 32, 16, 8, 64, 1.
int dtype_bits(DType type);

/// Sizes, slowest first. Images are H x W x C, flat vectors {N}, sequences T x C; conv weights K x R x S x C.
/// The batch is never in a shape: it is `Type::batched`.
using Shape = Few<int64_t, 4>;

/// "24x24x20".
std::string shape_text(const Shape& shape);
/// Product of the sizes.
Size elements(const Shape& shape);

struct Type {
  DType dtype = DType::f32;
  Shape shape;
  bool batched = false;  ///< one such tensor for every sample of the batch

  friend bool operator==(const Type&, const Type&) = default;
};

/// Bytes of a value at `batch` samples (batch counts only where `batched`); bits are rounded up to whole bytes.
Size type_bytes(const Type& type, int64_t batch);

/// The sizes of an image whichever way its shape is written: {C} is 1 x 1 x C, {T, C} is T x 1 x C.
struct Image {
  int64_t h = 1, w = 1, c = 1;
};
Image as_image(const Shape& shape);

}  // namespace netc
