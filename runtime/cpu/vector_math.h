// Elementary functions as a few operations without branches, so that loops over them vectorise. Each says how far it is from the exact value,
// which tests/cpp/kernels_pointwise_test.cpp holds.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace netrt {

/// e^x to 1.2e-7 of its value; 0 below -87.3, where it would be denormal; above 88.7 it stays at 3.4e38. x = n ln 2 + r with |r| <= ln(2)/2; e^r by
/// Cephes' polynomial (Moshier, expf), 2^n by its bits.
inline float vector_exp(float x) {
  constexpr float low = -87.33654f, high = 88.72283f, round = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number in the last bits
  const float inside = x > high ? high : (x < low ? low : x);
  const float n = (inside * 1.44269504088896341f + round) - round;
  const float r = (inside - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  // 2^n in two factors: 2^128 is no float.
  const int32_t half = static_cast<int32_t>(n) >> 1, rest = static_cast<int32_t>(n) - half;
  const float power = std::bit_cast<float>((half + 127) << 23), other = std::bit_cast<float>((rest + 127) << 23);
  const float value = ((p * (r * r) + r) + 1.0f) * power * other;
  return x < low ? 0.0f : value;
}

/// The logistic function to 3e-7 of its value down to -87; a NaN stays one.
inline float vector_sigmoid(float x) {
  const float e = vector_exp(-std::fabs(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/// tanh to 3e-7 of its value; a NaN stays one. Near 0 a polynomial of x^2 (Cephes, tanhf), because 1 - exp(-2|x|) would cancel.
inline float vector_tanh(float x) {
  const float size = std::fabs(x), e = vector_exp(-2.0f * size), square = x * x;
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const float near = x + x * square * p, far = std::copysign((1.0f - e) / (1.0f + e), x);
  return size < 0.625f ? near : far;
}

}  // namespace netrt
