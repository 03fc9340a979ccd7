#include "context.h"
#include "parallel.h"
#include "rows.h"

namespace netrt {
namespace {

/// dx[i] = dy[i] * slope(which, known[i]); `known` is the input or the output.
template <class Slope>
void backward(float* dx, const float* known, const float* dy, const ActDesc& desc, const Slope& slope) {
  with_activation(desc.activation, [&](auto which) {
    parallel_for(desc.count, 1, [&](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] * slope(which, known[i]);
    });
  });
}

/// The bytes of the mask for `count` elements, of which bit(value) tells. A flag a byte first, which vectorises; then each eight flags are
/// gathered by a product whose highest byte has flag i in bit i.
template <class Bit>
void make_mask(uint8_t* mask, const float* values, int64_t count, const Bit& bit) {
  constexpr int64_t block = 64;
  for (int64_t first = 0; first < count; first += block) {
    uint8_t flags[block] = {};
    const int64_t here = std::min(block, count - first);
#pragma omp simd
    for (int64_t i = 0; i < here; ++i) flags[i] = bit(values[first + i]) ? 1 : 0;
    for (int64_t i = 0; i < here; i += 8) {
      uint64_t bits = 0;
      for (int64_t j = 0; j < 8; ++j) bits |= static_cast<uint64_t>(flags[i + j]) << (8 * j);
      mask[(first + i) / 8] = static_cast<uint8_t>(bits * 0x0102040810204080ull >> 56);
    }
  }
}

}  // namespace

void act_forward(Context&, float* y, uint8_t* mask_or_null, const float* x, const ActDesc& desc) {
  with_activation(desc.activation, [&](auto which) {
    // Parts are whole bytes of the mask, so that no two threads write the same byte.
    parallel_for((desc.count + 7) / 8, 8, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * 8, last = std::min(end * 8, desc.count);
      if (mask_or_null != nullptr) {  // before y is written, which may be x
        make_mask(mask_or_null + begin, x + first, last - first, [&](float value) { return activation_mask(which.value, value); });
      }
#pragma omp simd
      for (int64_t i = first; i < last; ++i) y[i] = activation_value(which.value, desc.alpha, x[i]);
    });
  });
}

void act_mask(Context&, uint8_t* mask, const float* y, const ActDesc& desc) {
  with_activation(desc.activation, [&](auto which) {
    parallel_for((desc.count + 7) / 8, 8, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * 8, last = std::min(end * 8, desc.count);
      make_mask(mask + begin, y + first, last - first, [&](float value) { return activation_mask_from_output(which.value, value); });
    });
  });
}

void act_backward_from_output(Context&, float* dx, const float* y, const float* dy, const ActDesc& desc) {
  backward(dx, y, dy, desc, [&](auto which, float value) { return activation_slope_from_output(which.value, desc.alpha, value); });
}

void act_backward_from_input(Context&, float* dx, const float* x, const float* dy, const ActDesc& desc) {
  backward(dx, x, dy, desc, [&](auto which, float value) { return activation_slope_from_input(which.value, desc.alpha, value); });
}

void act_backward_from_mask(Context&, float* dx, const uint8_t* mask, const float* dy, const ActDesc& desc) {
  const float on = activation_slope_from_mask(desc.activation, desc.alpha, true);
  const float off = activation_slope_from_mask(desc.activation, desc.alpha, false);
  parallel_for((desc.count + 7) / 8, 8, [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * 8, desc.count);
    int64_t i = begin * 8;
    for (; i + 8 <= last; i += 8) {
      const uint32_t bits = mask[i / 8];
#pragma omp simd
      for (int32_t j = 0; j < 8; ++j) dx[i + j] = dy[i + j] * ((bits >> j & 1u) != 0 ? on : off);
    }
    for (; i < last; ++i) dx[i] = dy[i] * ((mask[i / 8] >> (i % 8) & 1) != 0 ? on : off);
  });
}

}  // namespace netrt
