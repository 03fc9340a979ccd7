// From a file to a graph that can be planned.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/options.h"
#include "estimate/largest.h"
#include "ir/graph.h"
#include "passes/resolve.h"
#include "plan/plan.h"
#include "plan/target.h"
#include "syntax/ast.h"

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

/// A file as read, before any option changes what it says.
struct Parsed {
  std::string path;
  Sources sources;
  Diagnostics diagnostics;
  std::optional<ast::File> file;  ///< nothing when it cannot be read
};

Parsed parse_network(const std::string& path);

/// What the command line changes in a file. `needs_loss`: a network without one is an error.
ResolveOptions resolve_options(const Options& options, bool needs_loss);

/// The network that `parsed` describes under `wanted`: layers and values, no calls yet.
Compilation resolve_network(const Parsed& parsed, const ResolveOptions& wanted);

/// Whether a training step is made of `graph`: it has a loss, and the options do not ask for inference.
bool trains(const Graph& graph, const Options& options);

/// Whether a layer takes statistics over the batch (`bn`): more micro-steps then change what is computed.
bool has_batch_statistics(const Graph& graph);

/// Runs the passes on a resolved network; the graph is verified after each. `target`: what `schedule` chooses the order of the step for, and any other
/// may run it; null: that pass is left out, for who makes tensors again (passes/recompute.h). `print`: the pass after which the graph is printed.
/// `remakes`: whether the tensors that the file names are made again already (`--fit` does that itself).
void run_passes(Compilation& made, bool training, const Target* target, std::string_view print = {}, bool remakes = true);

/// Parses, resolves and runs the passes.
Compilation compile(const Options& options, bool needs_loss, const Target& target);

/// A plan of `graph` at its own batch or `batch`, checked by the validator. Nothing when a size does not fit: `error` says which.
std::optional<Plan> plan_checked(const Graph& graph, const Target& target, int64_t batch, std::string& error);

/// The file compiled and planned for another batch, as one trial of a search for the largest: the order of calls is chosen anew for each.
Trial plan_at_batch(const Options& options, const Target& target, int64_t batch);

/// A plan as one trial of a search for the largest `size`.
Trial plan_trial(const Graph& graph, const Target& target, int64_t batch, int64_t size);

}  // namespace netc
