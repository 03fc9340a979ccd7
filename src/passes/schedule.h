// schedule: the order of a training step's calls.
#pragma once

#include "ir/graph.h"
#include "plan/target.h"

namespace netc {

/// Reorders Graph::nodes so that fewer bytes are live at the peak of a plan for `target` at the file's batch; no result changes by a bit (plan/order.h).
/// Forward calls stay before backward calls, and every call in its section.
void schedule(Graph& graph, const Target& target);

/// Numbers the stretches of a step that calls do not leave: sections, and within `micro` the forward pass and the rest.
int segment_of(const Node& node);

}  // namespace netc
