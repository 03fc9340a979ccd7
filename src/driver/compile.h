// From a file to a graph that can be planned.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/options.h"
#include "ir/graph.h"
#include "plan/plan.h"
#include "plan/target.h"

namespace netc {

struct PassTime {
  std::string name;
  double milliseconds = 0;
};

struct Compilation {
  Sources sources;
  Diagnostics diagnostics;
  std::optional<Graph> graph;  ///< nothing after an error
  std::vector<PassTime> times;
  std::string printed;         ///< the graph as text after the pass asked for
};

/// Parses, resolves and runs the passes. A training step is made unless the network has no loss or the options ask for inference.
/// `needs_loss`: a network without one is an error. `target`: what the order of the step is chosen for; any plan of the graph is right.
Compilation compile(const Options& options, bool needs_loss, const Target& target);

/// A plan of `graph` at its own batch or `batch`, checked by the validator. Nothing when a size does not fit: `error` says which.
std::optional<Plan> plan_checked(const Graph& graph, const Target& target, int64_t batch, std::string& error);

}  // namespace netc
