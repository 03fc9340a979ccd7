#include "../activation_math.h"
#include "gemm.h"
#include "recurrent.h"

namespace netrt {
namespace {

/// One sample's units: gates lie `hidden` apart. gates may be projected, inner may be the product's last gate.
void forward_units(int64_t count, int64_t hidden, float* gates, float* y, float* inner, const float* projected, const float* product,
                   const float* state_before) {
#pragma omp simd
  for (int64_t j = 0; j < count; ++j) {
    const int64_t z = hidden + j, n = 2 * hidden + j;
    const float reset = logistic(projected[j] + product[j]), update = logistic(projected[z] + product[z]), from_state = product[n];
    const float fresh = vector_tanh(projected[n] + reset * from_state);
    gates[j] = reset;
    gates[z] = update;
    gates[n] = fresh;
    inner[j] = from_state;
    y[j] = (1.0f - update) * fresh + update * state_before[j];
  }
}

/// dh: the gradient that reaches the state from the step after it; becomes what goes straight to the step before. dstep: the gates' gradients
/// as the state's products see them, whose sums go to db.
void backward_units(int64_t count, int64_t hidden, float* dgates, float* dstep, float* dh, const float* gates, const float* inner,
                    const float* state_before, const float* dy) {
#pragma omp simd
  for (int64_t j = 0; j < count; ++j) {
    const int64_t z = hidden + j, n = 2 * hidden + j;
    const float reset = gates[j], update = gates[z], fresh = gates[n], dstate = dy[j] + dh[j];
    const float dfresh = dstate * (1.0f - update) * (1.0f - fresh * fresh), dreset = dfresh * inner[j] * reset * (1.0f - reset);
    const float dupdate = dstate * (state_before[j] - fresh) * update * (1.0f - update);
    dgates[j] = dstep[j] = dreset;
    dgates[z] = dstep[z] = dupdate;
    dgates[n] = dfresh;
    dstep[n] = dfresh * reset;
    dh[j] = dstate * update;
  }
}

/// db[gate] += dstep[gate] of the block's units.
void add_bias_gradient(float* db, const float* dstep, int64_t count, const Recurrence& r) {
  for (int64_t gate = 0; gate < r.gates; ++gate) {
    float* to = db + gate * r.hidden;
    const float* from = dstep + gate * r.hidden;
#pragma omp simd
    for (int64_t j = 0; j < count; ++j) to[j] += from[j];
  }
}

}  // namespace

/// The gates of a step.
size_t gru_forward_workspace(const RecurrentDesc& desc) { return sizeof(float) * 3 * step_states(desc); }

/// The gates' gradients of a step and the states' that come back through time.
size_t gru_backward_workspace(const RecurrentDesc& desc) { return sizeof(float) * 4 * step_states(desc); }

void gru_forward(Context&, float* gates_or_null, float* y, float* inner_or_null, const float* projected, const float* w, const float* b_or_null,
                 const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("gru_forward", gru_forward_workspace(desc), workspace);
  const Recurrence r(desc, 3);
  float* product = static_cast<float*>(workspace.data);
  for (int64_t step = 0; step < r.t; ++step) {
    r.each_block(step, [&](const UnitBlock& block) {
      add_state_product("gru_forward", product, y, w, b_or_null, r, block);
      for (int64_t sample = 0; sample < r.n; ++sample) {
        const int64_t gate = r.gate_at(block, sample, block.token), state = r.state_at(block, sample, block.token);
        float* step_gates = product + r.step_gate_at(block, sample);
        const float* before = block.before < 0 ? zero_state : y + r.state_at(block, sample, block.before);
        forward_units(block.count, r.hidden, gates_or_null != nullptr ? gates_or_null + gate : step_gates, y + state,
                      inner_or_null != nullptr ? inner_or_null + state : step_gates + 2 * r.hidden, projected + gate, step_gates, before);
      }
    });
  }
}

void gru_backward(Context&, float* dprojected, float* dw, float* db_or_null, const float* gates, const float* inner, const float* y, const float* w,
                  const float* dy, const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("gru_backward", gru_backward_workspace(desc), workspace);
  const Recurrence r(desc, 3);
  float *dstep = static_cast<float*>(workspace.data), *dh = dstep + 3 * step_states(desc);
  std::fill_n(dh, step_states(desc), 0.0f);
  if (db_or_null != nullptr) std::fill_n(db_or_null, r.gate_pitch(), 0.0f);
  std::fill_n(dw, r.gate_pitch() * r.hidden, 0.0f);
  for (int64_t step = r.t - 1; step >= 0; --step) {
    r.each_block(step, [&](const UnitBlock& block) {
      for (int64_t sample = 0; sample < r.n; ++sample) {
        const int64_t gate = r.gate_at(block, sample, block.token), state = r.state_at(block, sample, block.token);
        const float* before = block.before < 0 ? zero_state : y + r.state_at(block, sample, block.before);
        float* gradients = dstep + r.step_gate_at(block, sample);
        backward_units(block.count, r.hidden, dprojected + gate, gradients, dh + r.step_state_at(block, sample), gates + gate, inner + state, before,
                       dy + state);
        if (db_or_null != nullptr) add_bias_gradient(db_or_null + block.direction * r.gate_values() + block.first, gradients, block.count, r);
      }
    });
    // The new gate's part of dw belongs here: its factor, unlike the other gates', is not kept.
    if (step == 0) break;
    r.each_block(step, [&](const UnitBlock& block) {
      const float* gradients = dstep + r.step_gate_at(block, 0) - block.first;
      add_gate_product("gru_backward", 1.0f, dh, gradients, r.gate_values(), w, r, block);
      const OneThread alone;
      const int64_t row = 2 * r.hidden + block.first;
      gemm("gru_backward", 'T', 'N', block.count, r.hidden, r.n, gradients + row, r.gate_values(), y + r.state_at(block, 0, block.before) - block.first,
           r.t * r.state_pitch(), 1.0f, dw + (block.direction * r.gate_values() + row) * r.hidden, r.hidden);
    });
  }
  recurrent_backward_weights("gru_backward", dw, dprojected, y, 2 * r.hidden, r);
}

}  // namespace netrt
