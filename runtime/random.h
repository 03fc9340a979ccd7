// Counter-based random numbers (Philox 4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the same
// on the host and on the device, and any element can be made alone.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define NETRT_HD __host__ __device__
#else
#define NETRT_HD
#endif

namespace netrt {

struct Random4 {
  uint32_t v[4];
};

inline constexpr int philox_rounds = 10;
inline constexpr uint32_t philox_step0 = 0x9E3779B9u, philox_step1 = 0xBB67AE85u;  ///< what the keys grow by from round to round

/// One round of a block with the keys k0 and k1.
NETRT_HD inline void philox_round(uint32_t& c0, uint32_t& c1, uint32_t& c2, uint32_t& c3, uint32_t k0, uint32_t k1) {
  const uint64_t p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
  const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0, n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
  c1 = static_cast<uint32_t>(p1);
  c3 = static_cast<uint32_t>(p0);
  c0 = n0;
  c2 = n2;
}

/// Block `counter` of the sequence (`seed`, `stream`).
NETRT_HD inline Random4 philox(uint64_t seed, uint64_t stream, uint64_t counter) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32);
  uint32_t c2 = static_cast<uint32_t>(stream), c3 = static_cast<uint32_t>(stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < philox_rounds; ++round) {
    philox_round(c0, c1, c2, c3, k0, k1);
    k0 += philox_step0;
    k1 += philox_step1;
  }
  return {{c0, c1, c2, c3}};
}

/// Uniform in [0, 1), a multiple of 2^-24.
NETRT_HD inline float uniform01(uint32_t bits) { return static_cast<float>(bits >> 8) * (1.0f / 16777216.0f); }

/// The stream of dropout layer `layer` in micro-step `micro_step`. Element i uses word i%4 of block i/4 and is kept where uniform01 >= p.
NETRT_HD inline uint64_t drop_stream(int32_t layer, int64_t micro_step) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(layer)) << 40) ^ static_cast<uint64_t>(micro_step);
}

}  // namespace netrt
