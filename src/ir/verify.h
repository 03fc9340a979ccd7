// Checks a graph after each pass. What it finds is a bug in netc.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace netc {

/// What is wrong with `graph`, one sentence each, at most 20: ids out of range, layers read before they ran, kernel calls that read what
/// nothing wrote, values written twice that are not sums, an order that is no permutation. Linear.
std::vector<std::string> verify(const Graph& graph);

}  // namespace netc
