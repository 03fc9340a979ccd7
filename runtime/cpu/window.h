// Where windows lie: shared by pooling and the plain convolutions.
#pragma once

#include <algorithm>
#include <cstdint>

namespace netrt {

struct Range {
  int64_t begin, end;
};

/// The part of the window [corner, corner + size) inside [0, limit); empty (begin >= end) where there is none.
inline Range clip_window(int64_t corner, int64_t size, int64_t limit) { return {std::max<int64_t>(corner, 0), std::min(corner + size, limit)}; }

/// The windows of `size`, one each `stride` from -pad on, `count` of them, that cover place `at`.
inline Range covering_windows(int64_t at, int64_t size, int64_t stride, int64_t pad, int64_t count) {
  const int64_t last = at + pad, first = last - size + 1;
  return {first <= 0 ? 0 : (first + stride - 1) / stride, last < 0 ? 0 : std::min(count, last / stride + 1)};
}

}  // namespace netrt
