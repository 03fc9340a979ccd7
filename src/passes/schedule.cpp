#include "passes/schedule.h"

#include <algorithm>
#include <optional>
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

/// The order with the lowest peak of those that pack without a gap, or the order as it is: every plan shall end where it is proven that none ends lower.
Order best_packed(const Step& step) {
  constexpr size_t kTried = 24;  ///< of the best
  std::optional<Order> best;
  for (const bool settle : {true, false}) {
    std::vector<Order> orders = better_orders(step, settle);
    const size_t last = orders.size() - 1;
    for (size_t i = last; i > 0 && i + kTried > last; --i) {
      if ((best && best->peak <= orders[i].peak) || packed(step, orders[i]) != orders[i].peak) continue;
      best = std::move(orders[i]);
      break;
    }
    if (last == 0 || (best && best->peak == orders[last].peak)) return best ? std::move(*best) : std::move(orders[0]);
    if (!best && !settle) best = std::move(orders[0]);
  }
  return std::move(*best);
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
