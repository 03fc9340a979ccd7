// gru: gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) as PyTorch has it: b_hn lies inside the reset. Kernels: fc_*, gru_forward, gru_backward.
#include "ops/common.h"
#include "ops/recurrent.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

/// For each unit: per gate a sum and an activation, the product with the reset gate, and 4 to blend the new value with the old state.
constexpr RecurrentCell cell{.gates = 3,
                             .forward = "gru_forward",
                             .backward = "gru_backward",
                             .gates_what = "the reset, update and new gates after their activations",
                             .kept = "inner",
                             .kept_what = "what the reset gate multiplies: the part of the new gate that comes from the state",
                             .unit_flops = 11,
                             .torch_module = "nn.GRU"};

}  // namespace

const OpDef& gru() {
  static const OpDef row{
      .name = "gru",
      .summary = "Gated recurrent units over T x C, with a zero first state: every token leaves its N hidden values (2N when bidirectional).",
      .args = recurrent_args(),
      .branches = std::pair{0, 0},
      .infer = [](const InferContext& context) { return recurrent_infer(context, cell); },
      .params = [](const LayerInfo& info) { return recurrent_params(info, cell); },
      .macs = [](const LayerInfo& info) { return recurrent_macs(info, cell); },
      .other_flops = [](const LayerInfo& info) { return recurrent_flops(info, cell); },
      .parts = recurrent_parts,
      .between = [](const LayerInfo& info) { return recurrent_between(info, cell); },
      .lower = [](const LayerInfo& info) { return recurrent_lower(info, cell); },
      .torch = [](const LayerInfo& info) { return recurrent_torch(info, cell); },
      .eager = [](const LayerInfo& info) { return recurrent_eager(info, cell); },
      .default_bias = true,
      .examples = std::vector<Example>{{"gru 5", {4, 3}}, {"gru 3 layers 2 bidirectional", {3, 4}}, {"gru 4 bidirectional nobias", {5, 2}}},
  };
  return row;
}

}  // namespace netc::ops
