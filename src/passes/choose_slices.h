// Which calls of a step to run on slices of the batch, so that the most that is live at one moment falls.
#pragma once

#include <vector>

#include "passes/slice.h"
#include "plan/target.h"

namespace netc {

/// More slices than this gain next to nothing: what they cut down is a sixteenth already.
constexpr int kMostSlices = 16;

/// Runs of graph.nodes and of graph.evaluation as they were before, and the most bytes that are live then, with what lives always.
struct SliceChoice {
  std::vector<SliceRun> training, evaluation;
  int64_t training_peak = 0, evaluation_peak = 0;
};

/// Slices the training step and the evaluation of `graph`, which trains, for a plan at `batch`: until at most `budget` bytes are live, or as far as it
/// goes (a budget of 0). Again and again the peak is looked at: of the runs around it that the calls there allow, each in 2, 3, ... slices, the one
/// is taken that lowers the peak most, of equals the one with fewest slices, then the shortest. At last what can be taken back without raising the
/// peak is. Every trial is measured exactly. No call runs twice; a slice of the gradient of a parameter is added to the others', so results differ
/// from the whole step's in their last bits. Deterministic. Nothing may have been sliced before; what is to be made again (recompute) already is.
SliceChoice choose_slices(Graph& graph, const Target& target, int64_t batch, int64_t budget);

}  // namespace netc
