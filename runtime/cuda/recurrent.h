// What the recurrences of lstm and gru share: where things lie, the products with the weight, and the weight's gradient.
#pragma once

#include "columns.h"
#include "gemm_tile.h"
#include "matmul.h"

namespace netrt {

/// Where one unit's values are in one step of time. Tensors of one step are directions x n x values.
struct UnitPlace {
  int32_t direction, sample, unit;
  int64_t row;          ///< sample * t + token
  int64_t row_before;   ///< of the step before it in this direction
  int64_t gate, state;  ///< first gate, state: index in the tensors of all tokens
  int64_t state_before;
  int64_t step_gate, step_state;  ///< in the tensors of one step
};

__device__ inline UnitPlace unit_place(const RecurrentDesc& d, int32_t gates, int32_t step, int64_t i) {
  UnitPlace p;
  const int32_t state = static_cast<int32_t>(i);  // a step has fewer than 2^31 of them: they would take 8 GiB
  p.unit = state % d.hidden;
  p.sample = state / d.hidden % d.n;
  p.direction = state / d.hidden / d.n;
  p.row = int64_t{p.sample} * d.t + (p.direction == 0 ? step : d.t - 1 - step);
  p.row_before = p.row + (p.direction == 0 ? -1 : 1);
  const int64_t all = d.directions * int64_t{d.hidden}, first = p.direction * int64_t{d.hidden};
  p.gate = p.row * all * gates + first * gates + p.unit;
  p.state = p.row * all + first + p.unit;
  p.state_before = p.row_before * all + first + p.unit;
  p.step_gate = (first * d.n + int64_t{p.sample} * d.hidden) * gates + p.unit;
  p.step_state = i;
  return p;
}

inline int64_t step_states(const RecurrentDesc& d) { return int64_t{d.directions} * d.n * d.hidden; }

/// What of a workspace lies behind its first `used` bytes, aligned to 256.
Workspace behind(const Workspace& workspace, size_t used);

/// For each direction: out[n, cols] = left[n, depth] times the direction's part of w, (gates * hidden) x hidden: transposed (states to gates,
/// cols = gates * hidden) or as it is (gates to states, cols = hidden).
void recurrent_product(Context& ctx, const char* kernel, float* out, const float* left, const float* w, int32_t cols, int32_t depth, bool transposed,
                       const RecurrentDesc& d, const Workspace& workspace);

/// Runs `body.unit(i)` for every state of a step.
template <class Body>
struct EachUnit {
  Body body;
  template <int V>
  __device__ void run(int64_t i) const {
    for (int v = 0; v < V; ++v) body.unit(i + v);
  }
};
template <class Body>
void launch_units(Context& ctx, const RecurrentDesc& d, const Body& body) {
  launch_each(ctx, step_states(d), false, EachUnit<Body>{body});
}

// ---- The gradient of the weight: one product over all pairs of a step and the step before it ------------

/// `Gates` has `__device__ float operator()(int64_t row, int32_t column) const`: the gradient of a gate value (columns: direction after direction)
/// as the state's products see it.
template <class Gates>
struct GateOperand {
  static constexpr bool along_k = false;
  Gates gates;
  RecurrentDesc d;
  int32_t direction, extent;
  __device__ Pack<4> four(int32_t i, int32_t k, int32_t k_end) const {
    Pack<4> p{};
    if (i >= extent || k >= k_end) return p;
    const int32_t steps = d.t - 1;
    const int64_t row = int64_t{k / steps} * d.t + k % steps + (direction == 0 ? 1 : 0);
    for (int j = 0; j < 4; ++j) {
      if (i + j < extent) p.v[j] = gates(row, direction * extent + i + j);
    }
    return p;
  }
};

/// The states of the steps before.
struct StateOperand {
  static constexpr bool along_k = false;
  const float* y;
  RecurrentDesc d;
  int32_t direction;
  __device__ Pack<4> four(int32_t i, int32_t k, int32_t k_end) const {
    Pack<4> p{};
    if (i >= d.hidden || k >= k_end) return p;
    const int32_t steps = d.t - 1;
    const int64_t row = int64_t{k / steps} * d.t + k % steps + (direction == 0 ? 0 : 1);
    const float* from = y + (row * d.directions + direction) * d.hidden + i;
    for (int j = 0; j < 4; ++j) {
      if (i + j < d.hidden) p.v[j] = from[j];
    }
    return p;
  }
};

template <class Gates>
struct WeightProblem {
  using A = GateOperand<Gates>;
  using B = StateOperand;
  float* to;
  Gates gates;
  const float* y;
  RecurrentDesc d;
  int32_t m, n, k, splits;
  __device__ A a(int32_t direction) const { return {gates, d, direction, m}; }
  __device__ B b(int32_t direction) const { return {y, d, direction}; }
  __device__ void write(int32_t direction, int32_t split, int32_t row, int32_t column, float value) const {
    to[((int64_t{split} * d.directions + direction) * m + row) * n + column] = value;
  }
};

/// dw of all directions; the whole workspace is scratch for partial sums.
template <class Gates>
void recurrent_backward_weights(Context& ctx, float* dw, const Gates& gates, const float* y, int32_t gate_values, const RecurrentDesc& d,
                                const Workspace& workspace) {
  const int32_t k = d.n * (d.t - 1);
  const int64_t results = int64_t{d.directions} * gate_values * d.hidden;
  const int32_t splits = results > INT32_MAX ? 1 : choose_splits(gate_values, d.hidden, k, d.directions, workspace.bytes);
  float* to = splits > 1 ? static_cast<float*>(workspace.data) : dw;
  launch_gemm(ctx, WeightProblem<Gates>{to, gates, y, d, gate_values, d.hidden, k, splits}, d.directions);
  if (splits == 1) return;
  const int32_t columns = static_cast<int32_t>(results);
  launch_partial_sums<1>(ctx, dw, splits, columns, 1, ColumnOf{to, columns});
}

}  // namespace netrt
