// A network of a file, for the programs beside this one.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "backend/interpret.h"
#include "driver/compile.h"
#include "plan/make_plan.h"

namespace netc {

/// Layers and values; ends the process where the file has mistakes.
inline Graph network(const std::string& file, int64_t batch) {
  Options options;
  if (batch > 0) options.batch = batch;
  Compilation made = resolve_network(parse_network(file), resolve_options(options, true));
  if (!made.graph) {
    fmt::print(stderr, "error: {}: not a network that trains\n", file);
    std::exit(1);
  }
  return std::move(*made.graph);
}

inline Plan planned(const Graph& graph, const Target& target) {
  std::string error;
  std::optional<Plan> plan = make_plan(graph, target, graph.train.batch, error);
  if (!plan) {
    fmt::print(stderr, "error: {}: {}\n", graph.name, error);
    std::exit(1);
  }
  return std::move(*plan);
}

}  // namespace netc
