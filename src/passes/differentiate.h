// From layers to the kernel calls of a training step.
#pragma once

#include "ir/graph.h"

namespace netc {

/// Writes Graph::nodes: the forward calls in Graph::order, the backward calls in the reverse order with the gradients of values
/// that are read more than once summed, and the updates - each right after the last reader of its parameter, unless clipping by
/// global norm or several micro-steps need all gradients together (memory.md rule 4). Every op is run in the way that keeps least
/// (kept.h). Wants `fuse` done and a loss.
void differentiate(Graph& graph);

/// Writes Graph::evaluation: the forward calls with running statistics, without dropout, ending in the loss's metrics if there is a loss.
void lower_evaluation(Graph& graph);

}  // namespace netc
