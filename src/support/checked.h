// 63-bit size arithmetic that remembers an overflow instead of wrapping.
#pragma once

#include <cstdint>

namespace netc {

/// A non-negative size (elements, bytes, operations). Once a sum or a product leaves 63 bits the
/// result is `overflow` for good; callers test `ok()` once, at the end, and name the layer.
class Size {
 public:
  constexpr Size() = default;
  constexpr Size(int64_t value) : value_(value), ok_(value >= 0) {}  // NOLINT: implicit on purpose

  constexpr bool ok() const { return ok_; }
  /// The number; 0 when not ok().
  constexpr int64_t value() const { return ok_ ? value_ : 0; }

  friend constexpr Size operator*(Size a, Size b) {
    Size r;
    r.ok_ = a.ok_ && b.ok_ && !__builtin_mul_overflow(a.value_, b.value_, &r.value_);
    return r;
  }
  friend constexpr Size operator+(Size a, Size b) {
    Size r;
    r.ok_ = a.ok_ && b.ok_ && !__builtin_add_overflow(a.value_, b.value_, &r.value_);
    return r;
  }

 private:
  int64_t value_ = 0;
  bool ok_ = true;
};

/// Rounds up to a multiple of `unit`; saturates to overflow.
constexpr Size round_up(Size n, int64_t unit) {
  Size padded = n + Size(unit - 1);
  return padded.ok() ? Size(padded.value() / unit * unit) : padded;
}

}  // namespace netc
