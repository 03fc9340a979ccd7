#include "../activation_math.h"
#include "recurrent.h"
#include "rows.h"

namespace netrt {
namespace {

/// One sample's units: gates lie `hidden` apart. In place allowed (gates of projected, cell of cell_before).
void forward_units(int64_t count, int64_t hidden, float* gates, float* y, float* cell, const float* projected, const float* product,
                   const float* cell_before) {
#pragma omp simd
  for (int64_t j = 0; j < count; ++j) {
    const int64_t f = hidden + j, g = 2 * hidden + j, o = 3 * hidden + j;
    const float in = logistic(projected[j] + product[j]), forget = logistic(projected[f] + product[f]);
    const float fresh = vector_tanh(projected[g] + product[g]), out = logistic(projected[o] + product[o]);
    const float value = forget * cell_before[j] + in * fresh;
    gates[j] = in;
    gates[f] = forget;
    gates[g] = fresh;
    gates[o] = out;
    cell[j] = value;
    y[j] = out * vector_tanh(value);
  }
}

/// dcell: the gradient that reaches the cell from the step after it; becomes what goes to the step before. dh: from both sides.
void backward_units(int64_t count, int64_t hidden, float* dgates, float* dcell, const float* gates, const float* cell, const float* cell_before,
                    const float* dy, const float* dh_after) {
#pragma omp simd
  for (int64_t j = 0; j < count; ++j) {
    const int64_t f = hidden + j, g = 2 * hidden + j, o = 3 * hidden + j;
    const float in = gates[j], forget = gates[f], fresh = gates[g], out = gates[o], shown = vector_tanh(cell[j]);
    const float dh = dy[j] + dh_after[j], dc = dcell[j] + dh * out * (1.0f - shown * shown);
    dgates[j] = dc * fresh * in * (1.0f - in);
    dgates[f] = dc * cell_before[j] * forget * (1.0f - forget);
    dgates[g] = dc * in * (1.0f - fresh * fresh);
    dgates[o] = dh * shown * out * (1.0f - out);
    dcell[j] = dc * forget;
  }
}

}  // namespace

/// The gates of a step, and the cells where they are not kept.
size_t lstm_forward_workspace(const RecurrentDesc& desc) { return sizeof(float) * 5 * step_states(desc); }

/// What comes back through time: the gradients of states and cells.
size_t lstm_backward_workspace(const RecurrentDesc& desc) { return sizeof(float) * 2 * step_states(desc); }

void lstm_forward(Context&, float* gates_or_null, float* y, float* cells_or_null, const float* projected, const float* w, const float* b_or_null,
                  const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("lstm_forward", lstm_forward_workspace(desc), workspace);
  const Recurrence r(desc, 4);
  float *product = static_cast<float*>(workspace.data), *running = product + 4 * step_states(desc);
  for (int64_t step = 0; step < r.t; ++step) {
    r.each_block(step, [&](const UnitBlock& block) {
      add_state_product("lstm_forward", product, y, w, b_or_null, r, block);
      for (int64_t sample = 0; sample < r.n; ++sample) {
        const int64_t gate = r.gate_at(block, sample, block.token), state = r.state_at(block, sample, block.token);
        float* step_gates = product + r.step_gate_at(block, sample);
        float* cell = cells_or_null != nullptr ? cells_or_null + state : running + r.step_state_at(block, sample);
        const float* before = block.before < 0 ? zero_state : cells_or_null != nullptr ? cells_or_null + r.state_at(block, sample, block.before) : cell;
        forward_units(block.count, r.hidden, gates_or_null != nullptr ? gates_or_null + gate : step_gates, y + state, cell, projected + gate, step_gates,
                      before);
      }
    });
  }
}

void lstm_backward(Context&, float* dprojected, float* dw, float* db_or_null, const float* gates, const float* cells, const float* y, const float* w,
                   const float* dy, const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("lstm_backward", lstm_backward_workspace(desc), workspace);
  const Recurrence r(desc, 4);
  float *dh = static_cast<float*>(workspace.data), *dcells = dh + step_states(desc);
  std::fill_n(dh, 2 * step_states(desc), 0.0f);
  for (int64_t step = r.t - 1; step >= 0; --step) {
    r.each_block(step, [&](const UnitBlock& block) {
      if (block.after >= 0) {
        const float* after = dprojected + r.gate_at(block, 0, block.after) - block.first;
        add_gate_product("lstm_backward", 0.0f, dh, after, r.t * r.gate_pitch(), w, r, block);
      }
      for (int64_t sample = 0; sample < r.n; ++sample) {
        const int64_t gate = r.gate_at(block, sample, block.token), state = r.state_at(block, sample, block.token);
        const float* before = block.before < 0 ? zero_state : cells + r.state_at(block, sample, block.before);
        const int64_t at = r.step_state_at(block, sample);
        backward_units(block.count, r.hidden, dprojected + gate, dcells + at, gates + gate, cells + state, before, dy + state, dh + at);
      }
    });
  }
  recurrent_backward_weights("lstm_backward", dw, dprojected, y, r.gate_values(), r);
  if (db_or_null != nullptr) column_sum(db_or_null, dprojected, r.n * r.t, r.gate_pitch());
}

}  // namespace netrt
