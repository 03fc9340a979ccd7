#include "../activation_math.h"
#include "recurrent.h"

namespace netrt {
namespace {

/// One step. `product`: the state before times the weight; null in the first step. `state`: y of this step, densely, for the next product.
struct Forward {
  float *gates_or_null, *y, *inner_or_null, *state;
  const float *projected, *product_or_null, *b_or_null;
  RecurrentDesc d;
  int32_t step;
  __device__ void unit(int64_t i) const {
    const UnitPlace p = unit_place(d, 3, step, i);
    float from_state[3];
    for (int g = 0; g < 3; ++g) {
      from_state[g] = b_or_null != nullptr ? b_or_null[(p.direction * 3 + g) * int64_t{d.hidden} + p.unit] : 0.0f;
      if (product_or_null != nullptr) from_state[g] += product_or_null[p.step_gate + int64_t{g} * d.hidden];
    }
    const float reset = logistic(projected[p.gate] + from_state[0]), update = logistic(projected[p.gate + d.hidden] + from_state[1]);
    const float fresh = tanhf(projected[p.gate + 2 * int64_t{d.hidden}] + reset * from_state[2]), before = step == 0 ? 0.0f : state[i];
    if (gates_or_null != nullptr) {
      const float value[3] = {reset, update, fresh};
      for (int g = 0; g < 3; ++g) gates_or_null[p.gate + int64_t{g} * d.hidden] = value[g];
    }
    if (inner_or_null != nullptr) inner_or_null[p.state] = from_state[2];
    y[p.state] = state[i] = (1.0f - update) * fresh + update * before;
  }
};

/// One step, the last first. dh: what went straight to this state from the step after, and is left for the step before; `product`: what the
/// weight brings back. dgates: the gradients as the weight sees them, densely. dprojected keeps the reset gate itself until `Finish`.
struct Backward {
  float *dprojected, *dgates, *dh;
  const float *gates, *inner, *y, *dy, *product;
  RecurrentDesc d;
  int32_t step;
  __device__ void unit(int64_t i) const {
    const UnitPlace p = unit_place(d, 3, step, i);
    const int64_t hidden = d.hidden;
    const float reset = gates[p.gate], update = gates[p.gate + hidden], fresh = gates[p.gate + 2 * hidden];
    const float dstate = dy[p.state] + (step == d.t - 1 ? 0.0f : dh[i] + product[i]), before = step == 0 ? 0.0f : y[p.state_before];
    const float dfresh = dstate * (1.0f - update) * (1.0f - fresh * fresh), dupdate = dstate * (before - fresh) * update * (1.0f - update);
    dprojected[p.gate] = reset;
    dprojected[p.gate + hidden] = dupdate;
    dprojected[p.gate + 2 * hidden] = dfresh;
    dgates[p.step_gate] = dfresh * inner[p.state] * reset * (1.0f - reset);
    dgates[p.step_gate + hidden] = dupdate;
    dgates[p.step_gate + 2 * hidden] = dfresh * reset;
    dh[i] = dstate * update;
  }
};

/// The gradients as the weight sees them, from what `Backward` left: reset gate, update's gradient, new gate's gradient.
struct Gates {
  const float *left, *inner;
  RecurrentDesc d;
  __device__ float operator()(int64_t row, int32_t column) const {
    const int32_t unit = column % d.hidden, gate = column / d.hidden % 3, direction = column / d.hidden / 3;
    const float* values = left + (row * d.directions + direction) * 3 * d.hidden + unit;
    if (gate == 1) return values[d.hidden];
    const float reset = values[0], dfresh = values[2 * int64_t{d.hidden}];
    if (gate == 2) return dfresh * reset;
    return dfresh * inner[(row * d.directions + direction) * d.hidden + unit] * reset * (1.0f - reset);
  }
};

struct BiasSums {
  Gates gates;
  __device__ void operator()(int64_t row, int32_t column, float* sum) const { sum[0] += gates(row, column); }
};

/// Puts the reset gate's gradient in its place.
struct Finish {
  float* dprojected;
  Gates gates;
  template <int V>
  __device__ void run(int64_t i) const {
    const int64_t hidden = gates.d.hidden, all = gates.d.directions * hidden;
    for (int64_t at = i; at < i + V; ++at) {
      const int64_t row = at / all, direction = at % all / hidden, column = direction * 3 * hidden + at % hidden;
      dprojected[row * 3 * all + column] = gates(row, static_cast<int32_t>(column));
    }
  }
};

}  // namespace

void gru_forward(Context& ctx, float* gates_or_null, float* y, float* inner_or_null, const float* projected, const float* w, const float* b_or_null,
                 const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("gru_forward", gru_forward_workspace(desc), workspace);
  const int64_t states = step_states(desc);
  float *product = static_cast<float*>(workspace.data), *state = product + 3 * states;
  const Workspace rest = behind(workspace, gru_forward_workspace(desc));
  for (int32_t step = 0; step < desc.t; ++step) {
    if (step > 0) recurrent_product(ctx, "gru_forward", product, state, w, 3 * desc.hidden, desc.hidden, true, desc, rest);
    launch_units(ctx, desc, Forward{gates_or_null, y, inner_or_null, state, projected, step > 0 ? product : nullptr, b_or_null, desc, step});
  }
  check_launch("gru_forward", desc);
}

void gru_backward(Context& ctx, float* dprojected, float* dw, float* db_or_null, const float* gates, const float* inner, const float* y, const float* w,
                  const float* dy, const RecurrentDesc& desc, Workspace workspace) {
  require_workspace("gru_backward", gru_backward_workspace(desc), workspace);
  const int64_t states = step_states(desc), rows = int64_t{desc.n} * desc.t;
  float *dgates = static_cast<float*>(workspace.data), *dh = dgates + 3 * states, *product = dh + states;
  const Workspace rest = behind(workspace, gru_backward_workspace(desc));
  for (int32_t step = desc.t - 1; step >= 0; --step) {
    if (step < desc.t - 1) recurrent_product(ctx, "gru_backward", product, dgates, w, desc.hidden, 3 * desc.hidden, false, desc, rest);
    launch_units(ctx, desc, Backward{dprojected, dgates, dh, gates, inner, y, dy, product, desc, step});
  }
  const Gates seen{dprojected, inner, desc};
  if (db_or_null != nullptr) launch_partial_sums<1>(ctx, db_or_null, rows, desc.directions * 3 * desc.hidden, 1, BiasSums{seen});
  recurrent_backward_weights(ctx, dw, seen, y, 3 * desc.hidden, desc, workspace);
  launch_each(ctx, rows * desc.directions * desc.hidden, false, Finish{dprojected, seen});
  check_launch("gru_backward", desc);
}

size_t gru_forward_workspace(const RecurrentDesc& desc) { return cuda::gru_forward_workspace(desc); }
size_t gru_backward_workspace(const RecurrentDesc& desc) { return cuda::gru_backward_workspace(desc); }

}  // namespace netrt
