#include "passes/schedule.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "plan/live_bytes.h"
#include "plan/order.h"
#include "plan/pack.h"

namespace netc {

int segment_of(const Node& node) { return 2 * static_cast<int>(node.section) + (node.section == Section::micro && node.phase != Phase::forward ? 1 : 0); }

namespace {

/// The highest byte of the quickest packing.
int64_t packed(const Step& step, const Order& order) {
  std::vector<Access> calls;
  for (int i : order.calls) calls.push_back(step.calls[static_cast<size_t>(i)]);
  Sharing sharing;
  sharing.run(calls, step.bytes);
  return pack(sharing.buffers(), static_cast<int>(calls.size()), {.search = 0}).end;
}

/// An order with a low peak that packs without a gap, or the order as it is: every plan shall end where it is proven that none ends lower.
Order best_packed(const Step& step) {
  for (const bool settle : {true, false}) {
    Order order = order_calls(step, settle);
    if (std::ranges::is_sorted(order.calls) || packed(step, order) == order.peak) return order;
  }
  Order plain;
  plain.calls.resize(step.calls.size());
  std::iota(plain.calls.begin(), plain.calls.end(), 0);
  return plain;
}

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
  const Order order = best_packed({calls, live.bytes(), segments});
  std::vector<Node> nodes;
  nodes.reserve(graph.nodes.size());
  for (int from : order.calls) nodes.push_back(std::move(graph.nodes[static_cast<size_t>(from)]));
  graph.nodes = std::move(nodes);
}

}  // namespace netc
