// slice: runs of calls that work on a slice of the batch at a time, so that what is made and used up inside a run needs a slice's bytes only.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ir/graph.h"

namespace netc {

/// The nodes [first, last) of a step run `count` times, each time on another slice of the batch.
struct SliceRun {
  int first = 0, last = 0;
  int count = 2;
};

/// A step some of whose nodes run on slices. Values with ids from Graph::values.size() on are `pieces`, in order.
struct Sliced {
  std::vector<Node> nodes;
  std::vector<int> origin;  ///< by node: the index it had before; of a sum over slices: that of the call whose results it adds
  std::vector<Piece> pieces;
};

/// Cuts the runs of a step: of Graph::nodes, or of Graph::evaluation, whose values have further names. The graph must stay as it is.
class Slicing {
 public:
  Slicing(const Graph& graph, std::span<const Node> nodes, std::span<const std::pair<ValueId, ValueId>> aliases);

  /// Whether the node can be in a run: it treats samples independently, or has no operand of the batch and runs in every micro-step.
  bool can(int node) const;

  /// The step with these runs, which are disjoint and in order. Tensors of the batch that only one run touches hold a slice's samples; others are
  /// read and written a slice at a time. The gradient that the first slice leaves for a parameter is the sum to which those of the others are added;
  /// the calls that need it whole come after the run. Nothing where a call of a run cannot be cut, or at this batch not into so many slices.
  std::optional<Sliced> cut(std::span<const SliceRun> runs, int64_t batch) const;

 private:
  friend class RunCutter;

  bool batched(const Node& node) const;
  ValueId storage(ValueId id) const { return ValueId{storage_[id.at()]}; }

  const Graph& graph_;
  std::span<const Node> nodes_;
  std::vector<int> storage_;       ///< by value
  std::vector<int> first_, last_;  ///< by storage: the nodes that touch it first and last
};

/// Replaces the step, which is graph.nodes or graph.evaluation, by one that was cut from it, and names the pieces ("conv2.dx.slice1"). Nothing may
/// reorder the calls after it: slices write parts of one tensor, and sum into one gradient, in their order.
void apply(Graph& graph, std::vector<Node> Graph::*step, Sliced sliced);

}  // namespace netc
