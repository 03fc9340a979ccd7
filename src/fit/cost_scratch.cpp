#include "plan/cost.h"
#include <algorithm>
namespace netc {
Cost node_cost(const Graph& graph, const Node& node, int64_t batch) {
  Cost c;
  auto add = [&](ValueId v) { if (v.valid()) c.bytes += (double)type_bytes(graph[graph.storage(v)].type, batch).value(); };
  for (ValueId v : node.inputs) add(v);
  for (ValueId v : node.outputs) add(v);
  std::vector<Shape> shapes;
  const Layer& layer = graph[node.layer];
  if (layer.op && layer.op->macs && node.phase != Phase::update && node.kernel.find("act_") == node.kernel.npos && node.kernel.find("add_") == node.kernel.npos && node.kernel != "accumulate" && node.kernel != "zero_fill") {
    double f = 2.0 * (double)layer.op->macs(graph.info(layer, shapes)).value() * batch;
    if (layer.op->parts) f /= layer.op->parts(graph.info(layer, shapes));
    int k = 1;
    if (node.phase == Phase::backward) { bool dx = false, dp = false; for (ValueId v : node.outputs) if (v.valid()) { dx |= graph[v].kind == ValueKind::activation_gradient; dp |= graph[v].kind == ValueKind::gradient; } k = std::max(1, dx + dp); }
    c.flops = f * k;
  } else for (ValueId v : node.outputs) if (v.valid()) c.flops += 4.0 * (double)elements(graph[graph.storage(v)].type.shape).value() * batch;
  return c;
}
double roofline_seconds(const Cost& c, const Rates& r) { return std::max(c.flops / r.flops_per_second, c.bytes / r.bytes_per_second); }
}
