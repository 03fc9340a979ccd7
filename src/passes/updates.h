// The gradients of parameters and what becomes of them.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace netc {

/// The call of `layer` that adds `gradient`, a value for the gradient of a parameter of type `type`, to `sum`.
Node accumulate(LayerId layer, const Type& type, ValueId sum, ValueId gradient, Literal purpose);

/// Collects the gradients of parameters while the backward pass is written, and writes the optimiser's calls: right after the last
/// layer that reads a parameter, or at the end of the step where clipping or micro-steps need every gradient.
class Updates {
 public:
  explicit Updates(Graph& graph);

  /// A layer that reads `parameter` (once for each; a tied weight has several).
  void count_use(ValueId parameter);
  /// A value for the gradient of `parameter` that a backward call is about to write.
  ValueId new_gradient(ValueId parameter);
  /// The sum so far of the gradient of `parameter`, zeros at first: what a backward call of `layer` adds to.
  ValueId sum_for(LayerId layer, ValueId parameter);
  /// `gradient` has been written by a call of `layer`.
  void contribute(LayerId layer, ValueId parameter, ValueId gradient);
  /// All backward calls of `layer` are written: its parameters have one reader less.
  void layer_done(LayerId layer);
  /// The calls that wait for the end of the step.
  void finish();

 private:
  struct Pending {
    int uses = 0;
    ValueId gradient;  ///< the sum so far
  };

  ValueId sum_over_micro_steps(ValueId parameter);
  bool together() const { return graph_.train.micro_steps > 1 || graph_.train.clip > 0; }
  void update(ValueId parameter, Section section);
  void clip();
  Node node(ValueId parameter, Section section, Literal kernel, Literal purpose) const;
  ValueId optimizer_state(ValueId parameter, const char* suffix);
  Desc describe(ValueId parameter, int64_t count) const;

  Graph& graph_;
  std::vector<Pending> pending_;      ///< by value id of the parameter
  std::vector<ValueId> parameters_;   ///< in the order their gradients were complete
};

}  // namespace netc
