#include "passes/schedule.h"

#include <utility>

#include "plan/live_bytes.h"
#include "plan/order.h"

namespace netc {

namespace {

/// Calls of one section and, within `micro`, of the forward or the backward pass.
int segment_of(const Node& node) { return 2 * static_cast<int>(node.section) + (node.section == Section::micro && node.phase != Phase::forward ? 1 : 0); }

}  // namespace

void schedule(Graph& graph, const Target& target) {
  LiveBytes live(graph, target, graph.train.batch);
  if (!live.ok()) return;
  std::vector<Access> calls;
  std::vector<int> segments;
  for (const Node& node : graph.nodes) {
    calls.push_back(live.access(node));
    segments.push_back(segment_of(node));
  }
  const Order order = order_calls({calls, live.bytes(), segments});
  std::vector<Node> nodes;
  std::map<int, Node> again;
  nodes.reserve(graph.nodes.size());
  for (int from : order.calls) {
    if (const auto other = graph.again.find(from); other != graph.again.end()) again.emplace(static_cast<int>(nodes.size()), std::move(other->second));
    nodes.push_back(std::move(graph.nodes[static_cast<size_t>(from)]));
  }
  graph.nodes = std::move(nodes);
  graph.again = std::move(again);
}

}  // namespace netc
