#pragma once
#include <span>
#include <vector>
#include "ir/graph.h"
#include "plan/target.h"
namespace netc {
struct LiveBytes { int64_t peak = 0; int position = 0; };
LiveBytes live_bytes(const Graph& g, std::span<const Node> nodes, std::span<const ValueId> copy_of, const Target& t, int64_t batch, std::vector<int64_t>* profile = nullptr);
}
