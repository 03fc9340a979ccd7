// What to keep for the backward pass, as a problem of numbers: tensors with bytes, and calls with the time they take to run again.
#pragma once

#include <cstdint>
#include <vector>

#include "passes/recompute.h"
#include "plan/cost.h"
#include "plan/live_bytes.h"
#include "plan/target.h"

namespace netc {

/// By index of ForwardPass::tensors, true: kept.
using Keep = std::vector<bool>;

/// A call of the forward pass, run again in every micro-step.
struct Rerun {
  double seconds = 0;       ///< of all micro-steps, by the roofline
  double flops = 0;
  std::vector<int> reads;   ///< tensors
};

struct FitProblem {
  const Graph& graph;
  const Target& target;
  int64_t batch;
  ForwardPass pass;
  mutable LiveBytes live;           ///< measures steps over the values of the graph
  std::vector<int64_t> bytes = {};  ///< by tensor
  std::vector<int> last_read = {};    ///< by tensor: the last node of the step, as it stands, that reads it in the backward pass; -1: none
  Keep dropped = {};                 ///< by tensor: `recompute LABEL` says that it is not kept
  std::vector<Rerun> reruns = {};  ///< by node of the forward pass
  double step_seconds = 0;        ///< of a whole step when nothing is made again, all micro-steps, by the roofline
  double step_flops = 0;
  int64_t persistent = 0;         ///< bytes of what lives always
  int loss = 0;                   ///< the node where the forward pass ends
};

/// `graph` has been differentiated and nothing is made again in it. It and `target` must outlive the problem.
FitProblem fit_problem(const Graph& graph, const Target& target, int64_t batch, const Rates& rates);

/// A choice and what it costs.
struct Choice {
  Keep keep;
  double seconds = 0;  ///< beyond the step's, by the roofline
  double flops = 0;    ///< likewise
  int64_t peak = 0;    ///< the most live bytes of the step, with what lives always: no packing is below
  int position = 0;    ///< where, in the remade step
};

/// Seconds that the makers of a tensor take when they run again, without what they read.
double seconds_to_make(const FitProblem& problem, size_t tensor);

/// Seconds and FLOPs of a whole step, all its micro-steps, by the roofline.
struct StepCost {
  double seconds = 0, flops = 0;
};
StepCost step_cost(const Graph& graph, int64_t batch, const Rates& rates);

/// All is kept that the backward pass reads, but for what may not be.
Keep keep_most(const FitProblem& problem);

/// Remakes the step and measures it.
Choice measure(const FitProblem& problem, Keep keep);

/// The tensors that are made again when only those of `keep` are kept, marked.
std::vector<bool> made_again(const FitProblem& problem, const Keep& keep);

}  // namespace netc
