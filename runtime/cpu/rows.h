// Helpers over matrices of `rows` x `c` values that several kernels need.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../activation_math.h"

namespace netrt {

/// Calls body with the activation as a compile-time constant (a std::integral_constant), so that a loop is compiled for each one and vectorises.
template <class Body>
void with_activation(Activation activation, const Body& body) {
  using enum Activation;
  switch (activation) {
    case none: return body(std::integral_constant<Activation, none>{});
    case relu: return body(std::integral_constant<Activation, relu>{});
    case relu6: return body(std::integral_constant<Activation, relu6>{});
    case leaky: return body(std::integral_constant<Activation, leaky>{});
    case elu: return body(std::integral_constant<Activation, elu>{});
    case gelu_erf: return body(std::integral_constant<Activation, gelu_erf>{});
    case gelu_tanh: return body(std::integral_constant<Activation, gelu_tanh>{});
    case silu: return body(std::integral_constant<Activation, silu>{});
    case sigmoid: return body(std::integral_constant<Activation, sigmoid>{});
    case tanh: return body(std::integral_constant<Activation, tanh>{});
    case hardswish: return body(std::integral_constant<Activation, hardswish>{});
    case hardsigmoid: return body(std::integral_constant<Activation, hardsigmoid>{});
  }
}

/// y[row, j] = activation(y[row, j] + b[j]); b may be null. Nothing is done where there is nothing to do.
void bias_activation(float* y, const float* b_or_null, int64_t rows, int64_t c, Activation activation, float alpha);

/// sum[j] = sum over rows of x[row, j].
void column_sum(float* sum, const float* x, int64_t rows, int64_t c);

}  // namespace netrt
