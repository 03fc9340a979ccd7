// Which tensors of the forward pass the backward pass reads: the choice between the ways an op can be run.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace netc {

/// The value an operand of a layer's kernel call stands for, as far as the forward graph knows it (x, y, prev, param, state).
struct LayerValues {
  const Layer& layer;
  ValueId y, prev;  ///< of the part at hand
};

/// True where a gradient must reach the value: it is a parameter's descendant.
std::vector<bool> gradient_flows(const Graph& graph);

/// Marks the storages that a way of running a part reads in its backward pass.
void mark_kept(const Graph& graph, const Alternative& way, const LayerValues& at, const std::vector<bool>& flows, std::vector<bool>& kept);

/// Whether the layer's backward pass surely reads the storage: every part's only way to run does.
bool surely_reads(const Graph& graph, const Layer& layer, ValueId storage, const std::vector<bool>& flows);

/// The first alternative that adds the fewest kept bytes a sample to `kept`, and marks what it keeps.
/// `kept` is indexed by storage.
size_t choose(const Graph& graph, const std::vector<Alternative>& alternatives, const LayerValues& at, const std::vector<bool>& flows,
              std::vector<bool>& kept);

/// Whether a backward call makes a gradient that somebody needs.
bool needed(const Graph& graph, const KernelCall& call, const LayerValues& at, const std::vector<bool>& flows);

/// Values between the parts of a layer, made on demand: part i < parts-1 leaves an intermediate value.
int part_count(const Graph& graph, const Layer& layer);

}  // namespace netc
