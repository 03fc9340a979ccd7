// Turns an op's KernelCall, written relative to its layer, into a Node of the graph.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace netc {

/// What the operands of one part of a layer stand for.
struct Binding {
  ValueId y, prev;
  std::vector<ValueId> aux;
  ValueId dy, dprev;
  std::vector<ValueId> dx;      ///< by input
  std::vector<ValueId> dparam;  ///< by parameter
};

/// The value of one operand, or an invalid id for "none" and gradients nobody needs.
ValueId bind(const Graph& graph, const Layer& layer, const Operand& operand, const Binding& binding);

/// A node for `call`. Its descriptions' per-sample fields stay unscaled.
Node make_node(const Graph& graph, LayerId layer, int part, Phase phase, const KernelCall& call, const Binding& binding);

/// Gives the calls of one part their operations beside multiply-accumulates: the forward call what the row says and what a fused activation
/// takes. A backward call that only multiplies by a weight has none, another as many as the forward call.
void count_flops(const OpDef& op, const LayerInfo& info, Alternative& way);

/// The output value of part `part` of `layer`: the layer's own for the last one, else a new value (named "add1.part0").
ValueId part_output(Graph& graph, LayerId layer, int part, int parts);

}  // namespace netc
