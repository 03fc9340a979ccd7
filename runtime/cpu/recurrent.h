// What the recurrences of lstm and gru share: who works on which units when, and the products with the weight.
#pragma once

#include "context.h"
#include "parallel.h"

namespace netrt {

/// Units of the state that one thread works on at a time, in all gates. The cut does not depend on the number of threads.
constexpr int64_t recurrent_units = 128;

/// Some units of one direction in one step of time.
struct UnitBlock {
  int64_t direction, first, count;
  int64_t token;   ///< of this step
  int64_t before;  ///< of the step before it in this direction; -1 in the first step
  int64_t after;   ///< of the step after it; -1 in the last
};

/// Where things lie.
struct Recurrence {
  int64_t n, t, hidden, directions, gates;

  Recurrence(const RecurrentDesc& desc, int64_t gates_of_cell) : n(desc.n), t(desc.t), hidden(desc.hidden), directions(desc.directions), gates(gates_of_cell) {}

  int64_t gate_values() const { return gates * hidden; }
  /// Between tokens.
  int64_t gate_pitch() const { return directions * gate_values(); }
  int64_t state_pitch() const { return directions * hidden; }
  /// Of a block's first unit, in its first gate.
  int64_t gate_at(const UnitBlock& block, int64_t sample, int64_t token) const {
    return (sample * t + token) * gate_pitch() + block.direction * gate_values() + block.first;
  }
  int64_t state_at(const UnitBlock& block, int64_t sample, int64_t token) const {
    return (sample * t + token) * state_pitch() + block.direction * hidden + block.first;
  }
  /// The same in tensors of one step: directions x n x values.
  int64_t step_gate_at(const UnitBlock& block, int64_t sample) const { return (block.direction * n + sample) * gate_values() + block.first; }
  int64_t step_state_at(const UnitBlock& block, int64_t sample) const { return (block.direction * n + sample) * hidden + block.first; }

  /// Calls body(block) for all units of step `step`; blocks of a step run at the same time.
  template <class Body>
  void each_block(int64_t step, const Body& body) const {
    const int64_t blocks = (hidden + recurrent_units - 1) / recurrent_units;
    parallel_for(directions * blocks, n * gates * recurrent_units * hidden, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const int64_t direction = item / blocks, first = item % blocks * recurrent_units, sign = direction == 0 ? 1 : -1;
        const int64_t token = direction == 0 ? step : t - 1 - step;
        body(UnitBlock{direction, first, std::min(recurrent_units, hidden - first), token, step > 0 ? token - sign : -1, step + 1 < t ? token + sign : -1});
      }
    });
  }
};

/// States of one step.
inline int64_t step_states(const RecurrentDesc& d) { return int64_t{d.directions} * d.n * d.hidden; }

/// A state before the first step.
inline constexpr float zero_state[recurrent_units] = {};

/// step_gates[direction][sample][gate] of the block's units: b (or 0), plus w times the state that y has of the step before.
void add_state_product(const char* kernel, float* step_gates, const float* y, const float* w, const float* b_or_null, const Recurrence&, const UnitBlock&);

/// step_states[direction][sample] of the block's units = beta * what is there + dgates w, from rows of gate gradients `pitch` apart.
void add_gate_product(const char* kernel, float beta, float* step_states, const float* dgates, int64_t pitch, const float* w, const Recurrence&,
                      const UnitBlock&);

/// dw of the first `rows` gate values of each direction: the sum over all steps but the first of a gate's gradient times the state before it.
void recurrent_backward_weights(const char* kernel, float* dw, const float* dgates, const float* y, int64_t rows, const Recurrence&);

}  // namespace netrt
