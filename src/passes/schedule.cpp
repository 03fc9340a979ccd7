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

/// An order that packs without a gap if there is one. Else the order as it is, whose packing has its proof, unless another packs a good deal lower.
Order best_packed(const Step& step) {
  Order best = order_calls(step);
  if (std::ranges::is_sorted(best.calls)) return best;
  int64_t end = packed(step, best);
  if (end == best.peak) return best;
  Order other = order_calls(step, false);
  if (const int64_t other_end = packed(step, other); other_end < end) {
    end = other_end;
    best = std::move(other);
  }
  if (end == best.peak) return best;
  Order plain;
  plain.calls.resize(step.calls.size());
  std::iota(plain.calls.begin(), plain.calls.end(), 0);
  constexpr double kGoodDeal = 0.99;
  return static_cast<double>(end) < kGoodDeal * static_cast<double>(packed(step, plain)) ? best : plain;
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
