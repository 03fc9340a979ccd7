// recompute: tensors of the forward pass that are not kept for the backward pass but made again when it reads them.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace netc {

/// A tensor of the forward pass as the choice between keeping and making again sees it: one buffer's worth of values.
struct ForwardTensor {
  ValueId value;               ///< its last name: the parts of a concat are one tensor, whose last part is the layer's output
  std::vector<int> makers;     ///< the forward nodes that write it, in order; indices into Graph::nodes
  bool read_backward = false;  ///< a backward call reads it
  bool must_keep = false;      ///< it cannot be made again: what a call that makes another tensor again reads (the statistics of bn)
};

/// The forward pass of a training step as tensors and the calls that make them.
struct ForwardPass {
  std::vector<ForwardTensor> tensors;  ///< in the order their first makers run
  std::vector<int> tensor_of;          ///< by storage of a value: index into tensors; -1: lives always, or no tensor of the forward pass
  int forward_nodes = 0;               ///< Graph::nodes up to here are `begin` and forward calls

  /// The tensor that a value is a name of; -1 if none, and for copies.
  int tensor(const Graph& graph, ValueId value) const {
    return value.valid() && value.at() < tensor_of.size() ? tensor_of[graph.storage(value).at()] : -1;
  }
};

/// `graph` has been differentiated, its order is as written (no `schedule`: a call that runs again must come before the updates of what it reads), and
/// nothing is made again in it yet.
ForwardPass forward_pass(const Graph& graph);

/// The call that makes the first output of a forward node again (Graph::again, else the node itself).
const Node& again(const Graph& graph, int node);

/// A step in which some tensors are made again. Values with ids from Graph::values.size() on are copies of others, in order.
struct Remade {
  std::vector<Node> nodes;
  std::vector<ValueId> copy_of;  ///< copy_of[i]: what value graph.values.size() + i is a copy of, a storage
};

/// The training step of `graph` when of its forward tensors only those of `keep` (by index) live into the backward pass. The others are made again, once,
/// right before the first backward call that reads them, from what is kept; tensors that are only on the way there are made again with them.
/// The results are the same to the last bit: the same kernels read the same numbers.
Remade remake(const Graph& graph, const ForwardPass& pass, const std::vector<bool>& keep);

/// What the backward pass reads is kept: the step as `differentiate` left it.
std::vector<bool> keep_all(const ForwardPass& pass);

/// The tensors that `recompute LABEL` says not to keep, marked: of a labelled layer what it leaves; of a labelled block everything but that.
std::vector<bool> labelled(const Graph& graph, const ForwardPass& pass, const std::vector<LabelledLayers>& labels);

/// The pass: makes again what `recompute LABEL` in the file says.
void recompute_labelled(Graph& graph);

/// Replaces the step by the one with remade tensors, and names the copies ("relu3.again").
void recompute(Graph& graph, const ForwardPass& pass, const std::vector<bool>& keep);

}  // namespace netc
