// What the tests of kernels share: guarded memory, random values, finite differences.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "device.h"
#include "kernels.h"

namespace kernel_checks {

using Floats = std::vector<float>;

/// The context of all kernel tests.
inline netrt::Context& context() {
  static const netrt::ContextPtr ctx = netrt::make_context();
  return *ctx;
}

inline Floats random_floats(size_t count, uint32_t seed, float low = -1, float high = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> distribution(low, high);
  Floats values(count);
  for (float& value : values) value = distribution(generator);
  return values;
}

/// Memory between two strips of a known pattern; the destructor checks that a kernel wrote only what it was given.
template <class T>
class Guarded {
 public:
  explicit Guarded(size_t count) : count_(count), bytes_(count * sizeof(T) + 2 * strip, pattern) {}
  explicit Guarded(const std::vector<T>& values) : Guarded(values.size()) { std::copy(values.begin(), values.end(), data()); }
  Guarded(const Guarded&) = delete;
  ~Guarded() { CHECK(intact()); }
  T* data() { return reinterpret_cast<T*>(bytes_.data() + strip); }
  std::vector<T> values() { return std::vector<T>(data(), data() + count_); }
  bool intact() const {
    for (size_t i = 0; i < strip; ++i) {
      if (bytes_[i] != pattern || bytes_[bytes_.size() - 1 - i] != pattern) return false;
    }
    return true;
  }

 private:
  static constexpr size_t strip = 256;
  static constexpr unsigned char pattern = 0xA5;
  size_t count_;
  std::vector<unsigned char> bytes_;
};

/// A guarded workspace of exactly `bytes`.
class GuardedWorkspace {
 public:
  explicit GuardedWorkspace(size_t bytes) : memory_(bytes), bytes_(bytes) {}
  netrt::Workspace get() { return {bytes_ == 0 ? nullptr : memory_.data(), bytes_}; }

 private:
  Guarded<unsigned char> memory_;
  size_t bytes_;
};

/// Both have the same length and differ by at most `tolerance` times the largest magnitude of `expected` (at least 1e-3).
template <class Expected>
void check_close(const Floats& got, const std::vector<Expected>& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  double scale = 1e-3, worst = 0;
  size_t at = 0;
  for (const Expected value : expected) scale = std::max(scale, std::abs(static_cast<double>(value)));
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i]));
    if (difference > worst || std::isnan(difference)) {
      worst = std::isnan(difference) ? INFINITY : difference;
      at = i;
    }
  }
  INFO("element " << at << ": " << (got.empty() ? 0.0f : got[at]) << " instead of " << (got.empty() ? 0.0 : static_cast<double>(expected[at])));
  CHECK(worst <= tolerance * scale);
}

inline bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// sum of a * b, in double.
inline double inner(const Floats& a, const Floats& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// Compares `gradient` with central differences of loss() over `input`, at up to 80 places. `step` is the distance on each side.
inline void check_gradient(Floats& input, const Floats& gradient, const std::function<double()>& loss, double tolerance = 1e-2, float step = 1e-2f) {
  REQUIRE(input.size() == gradient.size());
  double scale = 1e-2;
  for (const float g : gradient) scale = std::max(scale, std::abs(static_cast<double>(g)));
  const size_t stride = std::max<size_t>(1, input.size() / 80);
  for (size_t i = 0; i < input.size(); i += stride) {
    const float kept = input[i], above = kept + step, below = kept - step;
    input[i] = above;
    const double high = loss();
    input[i] = below;
    const double low = loss();
    input[i] = kept;
    const double expected = (high - low) / (static_cast<double>(above) - below);
    INFO("element " << i << ": " << gradient[i] << ", by differences " << expected);
    CHECK(std::abs(gradient[i] - expected) <= tolerance * scale);
  }
}

}  // namespace kernel_checks
