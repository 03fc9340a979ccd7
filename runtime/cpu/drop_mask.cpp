#include "drop_mask.h"

#include "../random.h"

namespace netrt {
namespace {

/// Blocks of four random words made side by side.
constexpr int64_t lanes = 16;

/// philox() of the counters counter, counter + 1, ...: words[w][i] is word w of the i-th. The same rounds, each for all of them.
void philox_lanes(uint32_t (&words)[4][lanes], uint64_t seed, uint64_t stream, uint64_t counter) {
  for (uint64_t i = 0; i < lanes; ++i) {
    words[0][i] = static_cast<uint32_t>(counter + i);
    words[1][i] = static_cast<uint32_t>((counter + i) >> 32);
    words[2][i] = static_cast<uint32_t>(stream);
    words[3][i] = static_cast<uint32_t>(stream >> 32);
  }
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < philox_rounds; ++round) {
#pragma omp simd
    for (int64_t i = 0; i < lanes; ++i) philox_round(words[0][i], words[1][i], words[2][i], words[3][i], k0, k1);
    k0 += philox_step0;
    k1 += philox_step1;
  }
}

}  // namespace

DropMask::DropMask(const Context& ctx, float p, int32_t stream)
    : seed_(ctx.run.seed), stream_(drop_stream(stream, ctx.run.micro_step)), p_(p), keep_(p < 1.0f ? 1.0f / (1.0f - p) : 0.0f) {}

void DropMask::factors(float* factors, int64_t first, int64_t count) const {
  constexpr int64_t wide = 4 * lanes;
  for (int64_t at = first / 4 * 4; at < first + count; at += wide) {
    uint32_t words[4][lanes];
    float made[wide];
    philox_lanes(words, seed_, stream_, static_cast<uint64_t>(at / 4));
    for (int w = 0; w < 4; ++w) {
#pragma omp simd
      for (int64_t i = 0; i < lanes; ++i) made[4 * i + w] = static_cast<float>(uniform01(words[w][i]) >= p_) * keep_;
    }
    const int64_t begin = std::max(at, first), end = std::min(at + wide, first + count);
    std::copy(made + (begin - at), made + (end - at), factors + (begin - first));
  }
}

}  // namespace netrt
