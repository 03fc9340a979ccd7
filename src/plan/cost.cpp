#include "plan/cost.h"

#include <algorithm>

namespace netc {

namespace {

/// Whether a call reads what this output holds before it writes it.
bool updates(const Value& output, const Node& node) {
  switch (output.kind) {
    case ValueKind::parameter:
    case ValueKind::optimizer:
    case ValueKind::state:
    case ValueKind::metrics: return true;
    case ValueKind::gradient: return node.adds;
    default: return false;
  }
}

/// Of one operand, once.
double moved_bytes(const Node& node, const Type& type, int64_t batch) {
  const Size all = type_bytes(type, batch);
  if (node.work.touches == 0) return static_cast<double>(all.value());
  const Size touched = Size(node.work.touches) * Size(batch) * Size(dtype_bits(type.dtype));
  return std::min(static_cast<double>(all.value()), static_cast<double>(touched.value()) / 8);
}

}  // namespace

Cost node_cost(const Graph& graph, const Node& node, int64_t batch) {
  batch /= node.slice.count;
  Cost cost;
  bool batched = false;
  const auto move = [&](ValueId id, bool twice) {
    const Type& type = graph[id].type;
    batched = batched || type.batched;
    cost.bytes += moved_bytes(node, type, batch) * (twice ? 2 : 1);
  };
  for (const ValueId input : node.inputs)
    if (input.valid()) move(input, false);
  for (const ValueId output : node.outputs)
    if (output.valid()) move(output, updates(graph[output], node));
  const double once = 2 * static_cast<double>(node.work.macs) + static_cast<double>(node.work.flops);
  cost.flops = once * static_cast<double>(batched ? batch : 1);
  return cost;
}

double roofline_seconds(const Cost& cost, const Rates& rates) {
  return std::max(cost.flops / rates.flops_per_second, cost.bytes / rates.bytes_per_second);
}

}  // namespace netc
