// Helpers over matrices of `rows` x `c` values that several kernels need.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../activation_math.h"
#include "parallel.h"

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

/// Rows added up by themselves before the sums of such chunks are: the same for every number of threads, and few enough for sums in float.
inline constexpr int64_t row_chunk = 64;

inline int64_t row_chunks(int64_t rows) { return (rows + row_chunk - 1) / row_chunk; }

/// Calls body(sums, begin, end) for each chunk of rows; sums are its `values` floats in `parts`, zeros to begin with.
template <class Body>
void sum_chunks(float* parts, int64_t values, int64_t rows, const Body& body) {
  parallel_for(row_chunks(rows), row_chunk * values, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      float* sums = parts + chunk * values;
      std::fill(sums, sums + values, 0.0f);
      body(sums, chunk * row_chunk, std::min<int64_t>((chunk + 1) * row_chunk, rows));
    }
  });
}

/// sum[j] = sum over rows of x[row, j].
void column_sum(float* sum, const float* x, int64_t rows, int64_t c);

}  // namespace netrt
