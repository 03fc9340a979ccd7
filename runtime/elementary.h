// exp, expm1, tanh and erf. On the CPU they are a few operations without branches, so that loops over them vectorise; each says how far it is
// from the exact value, which tests/cpp/kernels_pointwise_test.cpp holds. On the GPU they are CUDA's.
#pragma once

#include <cmath>
#include <cstdint>

#include "random.h"  // NETRT_HD

#if !defined(__CUDACC__)
#include <bit>
#endif

namespace netrt {

#if defined(__CUDACC__)

NETRT_HD inline float vector_exp(float x) { return expf(x); }
NETRT_HD inline float vector_expm1(float x) { return expm1f(x); }
NETRT_HD inline float vector_tanh(float x) { return tanhf(x); }
NETRT_HD inline float vector_erf(float x) { return erff(x); }

#else

/// e^x = 2^n e^r, with |r| <= ln(2)/2.
struct ExpParts {
  float less_one;         ///< e^r - 1
  float power, another;   ///< whose product is 2^n: 2^128 alone is no float
};

/// For x in [-87.3, 88.7]. e^r by Cephes' polynomial (Moshier, expf), 2^n by its bits.
inline ExpParts exp_parts(float x) {
  constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number in the last bits
  const float n = (x * 1.44269504088896341f + round) - round;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const int32_t whole = static_cast<int32_t>(n), half = whole >> 1, rest = whole - half;
  return {p * (r * r) + r, std::bit_cast<float>((half + 127) << 23), std::bit_cast<float>((rest + 127) << 23)};
}

/// x within [low, high]; a NaN stays one.
inline float between(float x, float low, float high) { return x > high ? high : (x < low ? low : x); }

/// e^x to 1e-7 of its value; 0 below -87.3, where it would be denormal, and the largest floats from 88.7 on.
inline float vector_exp(float x) {
  constexpr float low = -87.33654f;
  const ExpParts e = exp_parts(between(x, low, 88.72283f));
  return x < low ? 0.0f : (e.less_one + 1.0f) * e.power * e.another;
}

/// e^x - 1 to 1.3e-7 of its value; the largest floats from 88.7 on.
inline float vector_expm1(float x) {
  const ExpParts e = exp_parts(between(x, -30.0f, 88.72283f));  // below that the sum is -1
  const float power = e.power * e.another;
  return x > 87.0f ? (e.less_one + 1.0f) * e.power * e.another : e.less_one * power + (power - 1.0f);
}

/// tanh(x) to 1.5e-7 of its value: Cephes' polynomial near 0 (Moshier, tanhf), else 1 - 2 / (e^2|x| + 1).
inline float vector_tanh(float x) {
  const float a = x < 0.0f ? -x : x, s = x * x;
  float p = -5.70498872745e-3f;
  p = p * s + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  const float far = 1.0f - 2.0f / (vector_exp(2.0f * a) + 1.0f);
  return a < 0.625f ? p * s * x + x : (x < 0.0f ? -far : far);
}

/// erf(x) to 1.2e-7 of its value: polynomials by N. Juffa, near 0 of x^2, else of |x| in the exponent of 1 - e^p.
inline float vector_erf(float x) {
  const float a = x < 0.0f ? -x : x, s = x * x;
  float p = -5.96761703e-4f;
  p = p * s + 4.99119423e-3f;
  p = p * s - 2.67681349e-2f;
  p = p * s + 1.12819925e-1f;
  p = p * s - 3.76125336e-1f;
  p = p * s + 1.28379166e-1f;
  const float t = a < 4.0f ? a : 4.0f;  // erf(4) is 1 in float
  float q = -1.72853470e-5f * t + 3.83197126e-4f;
  q = q * (t * t) + (-3.88396438e-3f * t + 2.42546219e-2f);
  q = q * t - 1.06777877e-1f;
  q = q * t - 6.34846687e-1f;
  q = q * t - 1.28717512e-1f;
  const float far = 1.0f - vector_exp(q * t - t);
  const float away = a != a ? a : (x < 0.0f ? -far : far);
  return a < 0.927734375f ? p * x + x : away;
}

#endif

}  // namespace netrt
