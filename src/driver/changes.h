// Changes of a network that might lower its memory, each measured by planning it.
#pragma once

#include <functional>
#include <vector>

#include "driver/compile.h"
#include "estimate/why.h"

namespace netc {

/// A file, and how it is planned.
struct Subject {
  const Parsed& parsed;
  const Options& options;
  const Target& target;
  const Graph& resolved;  ///< as `options` have it
  const Graph& graph;     ///< the same after the passes
  const Plan& plan;
};

/// Plans every change that could lower the arena of `subject`: more micro-steps, less state of the optimiser, no clipping, tensors made again, a smaller
/// input. `say` is told what is being planned. All that could be planned, whether they lower it or not.
std::vector<Change> try_changes(const Subject& subject, const std::function<void(const std::string&)>& say);

}  // namespace netc
