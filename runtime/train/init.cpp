#include "init.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data.h"
#include "random.h"

namespace netrt {

namespace {

/// Four standard normal numbers of one block. 1 - u is above 0, so the logarithm is finite.
void normal4(const Random4& random, float* to) {
  for (int pair = 0; pair < 2; ++pair) {
    const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(uniform01(random.v[2 * pair]))));
    const double angle = 6.283185307179586 * static_cast<double>(uniform01(random.v[2 * pair + 1]));
    to[2 * pair] = static_cast<float>(radius * std::cos(angle));
    to[2 * pair + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace

int64_t element_count(const Tensor& tensor) {
  int64_t count = 1;
  for (const int64_t side : tensor.shape) count *= side;
  return count;
}

void initial_values(const Tensor& tensor, uint64_t seed, int64_t first, int64_t count, float* to) {
  const float value = static_cast<float>(tensor.init_value);
  if (tensor.init == InitKind::constant) {
    std::fill(to, to + count, value);
    return;
  }
  const uint64_t stream = stream_of(tensor.name);
  for (int64_t i = 0; i < count; i += 4) {
    const Random4 random = philox(seed, stream, static_cast<uint64_t>((first + i) / 4));
    float four[4];
    if (tensor.init == InitKind::normal) {
      normal4(random, four);
    } else {
      for (int k = 0; k < 4; ++k) four[k] = 2 * uniform01(random.v[k]) - 1;
    }
    for (int64_t k = 0; k < std::min<int64_t>(4, count - i); ++k) to[i + k] = value * four[k];
  }
}

void initialize(Context& ctx, char* arena, const Tensor& tensor, uint64_t seed) {
  std::array<float, 4096> chunk;
  const int64_t total = element_count(tensor), most = static_cast<int64_t>(chunk.size());
  for (int64_t first = 0; first < total; first += most) {
    const int64_t count = std::min(most, total - first);
    initial_values(tensor, seed, first, count, chunk.data());
    upload(ctx, arena + tensor.offset + first * static_cast<int64_t>(sizeof(float)), chunk.data(), static_cast<size_t>(count) * sizeof(float));
  }
}

}  // namespace netrt
