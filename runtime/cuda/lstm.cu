#include "../activation_math.h"
#include "recurrent.h"

namespace netrt {
namespace {

/// One step. `product`: the state before times the weight; null in the first step. `state`: y of this step, densely, for the next product.
struct Forward {
  float *gates_or_null, *y, *cells_or_null, *state, *running;
  const float *projected, *product_or_null, *b_or_null;
  RecurrentDesc d;
  int32_t step;
  __device__ void unit(int64_t i) const {
    const UnitPlace p = unit_place(d, 4, step, i);
    float sum[4];
    for (int g = 0; g < 4; ++g) {
      const int64_t at = int64_t{g} * d.hidden;
      sum[g] = projected[p.gate + at];
      if (b_or_null != nullptr) sum[g] += b_or_null[(p.direction * 4 + g) * int64_t{d.hidden} + p.unit];
      if (product_or_null != nullptr) sum[g] += product_or_null[p.step_gate + at];
    }
    const float in = logistic(sum[0]), forget = logistic(sum[1]), fresh = tanhf(sum[2]), out = logistic(sum[3]);
    const float before = step == 0 ? 0.0f : cells_or_null != nullptr ? cells_or_null[p.state_before] : running[i];
    const float cell = forget * before + in * fresh, shown = out * tanhf(cell);
    if (gates_or_null != nullptr) {
      const float value[4] = {in, forget, fresh, out};
      for (int g = 0; g < 4; ++g) gates_or_null[p.gate + int64_t{g} * d.hidden] = value[g];
    }
    (cells_or_null != nullptr ? cells_or_null[p.state] : running[i]) = cell;
    y[p.state] = state[i] = shown;
  }
};

/// One step, the last first. dh: what the product brings back from the step after; dcell likewise, and it is left for the step before.
/// dgates: the gradients of this step, densely, for the product.
struct Backward {
  float *dprojected, *dgates, *dcell;
  const float *gates, *cells, *dy, *dh;
  RecurrentDesc d;
  int32_t step;
  __device__ void unit(int64_t i) const {
    const UnitPlace p = unit_place(d, 4, step, i);
    const int64_t hidden = d.hidden;
    const float in = gates[p.gate], forget = gates[p.gate + hidden], fresh = gates[p.gate + 2 * hidden], out = gates[p.gate + 3 * hidden];
    const float shown = tanhf(cells[p.state]), before = step == 0 ? 0.0f : cells[p.state_before];
    const bool last = step == d.t - 1;
    const float dstate = dy[p.state] + (last ? 0.0f : dh[i]);
    const float dc = (last ? 0.0f : dcell[i]) + dstate * out * (1.0f - shown * shown);
    const float value[4] = {dc * fresh * in * (1.0f - in), dc * before * forget * (1.0f - forget), dc * in * (1.0f - fresh * fresh),
                            dstate * shown * out * (1.0f - out)};
    for (int g = 0; g < 4; ++g) dprojected[p.gate + g * hidden] = dgates[p.step_gate + g * hidden] = value[g];
    dcell[i] = dc * forget;
  }
};

/// The gradients as they lie in dprojected.
struct Gates {
  const float* dprojected;
  int32_t columns;
  __device__ float operator()(int64_t row, int32_t column) const { return dprojected[row * columns + column]; }
};

}  // namespace

void lstm_forward(Context& ctx, float* gates_or_null, float* y, float* cells_or_null, const float* projected, const float* w, const float* b_or_null,
                  const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("lstm_forward", lstm_forward_workspace(desc), workspace);
  const int64_t states = step_states(desc);
  float *product = static_cast<float*>(workspace.data), *state = product + 4 * states, *running = state + states;
  const Workspace rest = behind(workspace, lstm_forward_workspace(desc));
  for (int32_t step = 0; step < desc.t; ++step) {
    if (step > 0) recurrent_product(ctx, "lstm_forward", product, state, w, 4 * desc.hidden, desc.hidden, true, desc, rest);
    launch_units(ctx, desc,
                 Forward{gates_or_null, y, cells_or_null, state, running, projected, step > 0 ? product : nullptr, b_or_null, desc, step});
  }
  check_launch("lstm_forward", desc);
}

void lstm_backward(Context& ctx, float* dprojected, float* dw, float* db_or_null, const float* gates, const float* cells, const float* y, const float* w,
                   const float* dy, const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("lstm_backward", lstm_backward_workspace(desc), workspace);
  const int64_t states = step_states(desc);
  float *dgates = static_cast<float*>(workspace.data), *dh = dgates + 4 * states, *dcell = dh + states;
  const Workspace rest = behind(workspace, lstm_backward_workspace(desc));
  for (int32_t step = desc.t - 1; step >= 0; --step) {
    if (step < desc.t - 1) recurrent_product(ctx, "lstm_backward", dh, dgates, w, desc.hidden, 4 * desc.hidden, false, desc, rest);
    launch_units(ctx, desc, Backward{dprojected, dgates, dcell, gates, cells, dy, dh, desc, step});
  }
  const int32_t columns = desc.directions * 4 * desc.hidden;
  // The bias goes first, because until dw is written its memory is scratch for the partial sums.
  if (db_or_null != nullptr) column_sum(ctx, db_or_null, dprojected, int64_t{desc.n} * desc.t, columns, dw, int64_t{columns} * desc.hidden);
  recurrent_backward_weights(ctx, dw, Gates{dprojected, columns}, y, 4 * desc.hidden, desc, workspace);
  check_launch("lstm_backward", desc);
}

size_t lstm_forward_workspace(const RecurrentDesc& desc) { return cuda::lstm_forward_workspace(desc); }
size_t lstm_backward_workspace(const RecurrentDesc& desc) { return cuda::lstm_backward_workspace(desc); }

}  // namespace netrt
