// lstm: long short-term memory (Hochreiter and Schmidhuber 1997) with PyTorch's gates and its two biases. Kernels: fc_*, lstm_forward, lstm_backward.
#include "ops/common.h"
#include "ops/recurrent.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

/// For each unit: per gate a sum and an activation, then 3 for the cell, its tanh, and the product with the output gate.
constexpr RecurrentCell cell{.gates = 4,
                             .forward = "lstm_forward",
                             .backward = "lstm_backward",
                             .gates_what = "the input, forget, cell and output gates after their activations",
                             .kept = "cells",
                             .kept_what = "the state of each cell",
                             .unit_flops = 13,
                             .torch_module = "nn.LSTM"};

}  // namespace

const OpDef& lstm() {
  static const OpDef row{
      .name = "lstm",
      .summary = "Long short-term memory over T x C, with a zero first state: every token leaves its N hidden values (2N when bidirectional).",
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
      .examples = std::vector<Example>{{"lstm 5", {4, 3}}, {"lstm 3 layers 2 bidirectional", {3, 4}}, {"lstm 4 bidirectional nobias", {5, 2}}},
  };
  return row;
}

}  // namespace netc::ops
