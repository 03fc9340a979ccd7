#include "estimate/time_table.h"

namespace netc {

void CallsTime::add(const CallsTime& other) {
  cost.flops += other.cost.flops;
  cost.bytes += other.cost.bytes;
  seconds += other.seconds;
  moving += other.moving;
}

std::string_view bound_by(const LayerTime& time) {
  const double seconds = time.forward.seconds + time.backward.seconds;
  if (seconds <= 0) return "-";
  return 2 * (time.forward.moving + time.backward.moving) >= seconds ? "memory" : "arithmetic";
}

TimeTable make_time_table(const Graph& graph, bool training, int64_t batch, const Gpu& gpu) {
  TimeTable table;
  table.gpu = &gpu;
  table.layers.resize(graph.layers.size() + 1);
  const Rates rates = sustained_rates(gpu);
  const int64_t micro_steps = training ? graph.train.micro_steps : 1;
  for (const Node& node : training ? graph.nodes : graph.evaluation) {
    const double times = node.section == Section::micro ? static_cast<double>(micro_steps) : 1;
    const Cost cost = node_cost(graph, node, batch);
    const double seconds = roofline_seconds(cost, rates);
    const bool moving = seconds * rates.flops_per_second > cost.flops;
    const CallsTime calls{{times * cost.flops, times * cost.bytes}, times * seconds, moving ? times * seconds : 0};
    LayerTime& layer = table.layers[static_cast<size_t>(node.layer.index + 1)];
    (node.phase == Phase::forward ? layer.forward : layer.backward).add(calls);
    (node.phase == Phase::forward ? table.sum.forward : table.sum.backward).add(calls);
  }
  table.samples_per_second = table.seconds() > 0 ? static_cast<double>(batch * micro_steps) / table.seconds() : 0;
  return table;
}

}  // namespace netc
