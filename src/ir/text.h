// A graph as text, for `--print-after` and for golden tests.
#pragma once

#include <string>

#include "ir/graph.h"

namespace netc {

/// Layers in execution order with their inputs, shapes and parameters; then the kernel calls of the training step and of evaluation.
std::string graph_text(const Graph& graph);

}  // namespace netc
