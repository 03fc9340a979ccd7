#include "recurrent.h"

#include "gemm.h"

namespace netrt {
namespace {

/// Rows of dw that one thread works on at a time.
constexpr int64_t weight_rows = 128;

}  // namespace

void add_state_product(const char* kernel, float* step_gates, const float* y, const float* w, const float* b_or_null, const Recurrence& r,
                       const UnitBlock& block) {
  const OneThread alone;
  float* to = step_gates + r.step_gate_at(block, 0);
  const int64_t first_gate = block.direction * r.gate_values() + block.first;
  for (int64_t sample = 0; sample < r.n; ++sample) {
    for (int64_t gate = 0; gate < r.gates; ++gate) {
      float* units = to + sample * r.gate_values() + gate * r.hidden;
      if (b_or_null != nullptr) {
        std::copy_n(b_or_null + first_gate + gate * r.hidden, block.count, units);
      } else {
        std::fill_n(units, block.count, 0.0f);
      }
    }
  }
  if (block.before < 0) return;
  const float* state = y + r.state_at(block, 0, block.before) - block.first;
  // All gates in one product where the block is all units, because then their rows follow each other.
  const int64_t products = block.count == r.hidden ? 1 : r.gates, columns = block.count == r.hidden ? r.gate_values() : block.count;
  for (int64_t gate = 0; gate < products; ++gate) {
    gemm(kernel, 'N', 'T', r.n, columns, r.hidden, state, r.t * r.state_pitch(), w + (first_gate + gate * r.hidden) * r.hidden, r.hidden, 1.0f,
         to + gate * r.hidden, r.gate_values());
  }
}

void add_gate_product(const char* kernel, float beta, float* step_states, const float* dgates, int64_t pitch, const float* w, const Recurrence& r,
                      const UnitBlock& block) {
  const OneThread alone;
  gemm(kernel, 'N', 'N', r.n, block.count, r.gate_values(), dgates, pitch, w + block.direction * r.gate_values() * r.hidden + block.first, r.hidden, beta,
       step_states + r.step_state_at(block, 0), r.hidden);
}

void recurrent_backward_weights(const char* kernel, float* dw, const float* dgates, const float* y, int64_t rows, const Recurrence& r) {
  const int64_t blocks = (rows + weight_rows - 1) / weight_rows, steps = r.t - 1;
  // A product for each sample over its steps, or for each step over its samples, whichever are fewer.
  const bool by_sample = r.n <= steps;
  const int64_t products = by_sample ? r.n : steps, terms = by_sample ? steps : r.n, pitch = by_sample ? 1 : r.t;
  parallel_for(r.directions * blocks, weight_rows * r.hidden * r.n * r.t, [&](int64_t begin, int64_t end) {
    const OneThread alone;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t direction = item / blocks, first = item % blocks * weight_rows, count = std::min(weight_rows, rows - first);
      float* to = dw + (direction * r.gate_values() + first) * r.hidden;
      if (products == 0) std::fill_n(to, count * r.hidden, 0.0f);
      for (int64_t product = 0; product < products; ++product) {
        const int64_t token = by_sample ? product * r.t : product, forward = direction == 0 ? 1 : 0;
        gemm(kernel, 'T', 'N', count, r.hidden, terms, dgates + (token + forward) * r.gate_pitch() + direction * r.gate_values() + first,
             pitch * r.gate_pitch(), y + (token + 1 - forward) * r.state_pitch() + direction * r.hidden, pitch * r.state_pitch(), product > 0 ? 1.0f : 0.0f,
             to, r.hidden);
      }
    }
  });
}

}  // namespace netrt
