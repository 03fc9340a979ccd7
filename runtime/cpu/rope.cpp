#include <cmath>

#include "context.h"
#include "parallel.h"

namespace netrt {
namespace {

/// Pairs of a head turned at once: their cosines and sines stay in the first-level cache for all samples and heads.
constexpr int64_t pair_block = 64;

struct Angles {
  float cosine[pair_block], sine[pair_block];
};

/// The angles of the pairs from `first` on at a position, in double: at position 10^5 a float's angle would be off by a hundredth.
void make_angles(Angles& angles, int64_t position, int64_t first, int64_t count, const RopeDesc& desc) {
  for (int64_t i = 0; i < count; ++i) {
    const double angle = static_cast<double>(position) * std::pow(double{desc.base}, -2.0 * static_cast<double>(first + i) / desc.size);
    angles.cosine[i] = static_cast<float>(std::cos(angle));
    angles.sine[i] = static_cast<float>(desc.inverse != 0 ? -std::sin(angle) : std::sin(angle));
  }
}

/// y may be x: both halves of a pair are read before either is written.
void turn(float* y, const float* x, const Angles& angles, int64_t half, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float a = x[i], b = x[i + half];
    y[i] = a * angles.cosine[i] - b * angles.sine[i];
    y[i + half] = a * angles.sine[i] + b * angles.cosine[i];
  }
}

}  // namespace

void rope_forward(Context&, float* y, const float* x, const RopeDesc& desc) {
  const int64_t size = desc.size, half = size / 2, turned = int64_t{desc.heads} + desc.kv_heads, row = (turned + desc.kv_heads) * size;
  parallel_for(desc.t, desc.n * row * 2, [&](int64_t begin, int64_t end) {
    Angles angles;
    for (int64_t position = begin; position < end; ++position) {
      for (int64_t first = 0; first < half; first += pair_block) {
        const int64_t count = std::min(pair_block, half - first);
        make_angles(angles, position, first, count, desc);
        for (int64_t n = 0; n < desc.n; ++n) {
          const int64_t at = (n * desc.t + position) * row + first;
          for (int64_t head = 0; head < turned; ++head) turn(y + at + head * size, x + at + head * size, angles, half, count);
        }
      }
      if (y == x) continue;
      for (int64_t n = 0; n < desc.n; ++n) {
        const int64_t values = (n * desc.t + position) * row + turned * size;
        std::copy_n(x + values, desc.kv_heads * size, y + values);
      }
    }
  });
}

}  // namespace netrt
