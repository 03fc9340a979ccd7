// The peak of live bytes in the order as written, in the order chosen, and below which no order can go: bench_orders [--cpu] BATCH FILE.net ...
// BATCH 0: the file's own.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "network.h"
#include "passes/schedule.h"
#include "plan/live_bytes.h"
#include "plan/order.h"

using namespace netc;

namespace {

/// The most that is live at some call in any order.
int64_t least_peak(const Graph& graph, const Target& target) {
  LiveBytes live(graph, target, graph.train.batch);
  std::vector<Access> calls;
  std::vector<int> segments;
  for (const Node& node : graph.nodes) {
    calls.push_back(live.access(node));
    segments.push_back(segment_of(node));
  }
  int64_t least = 0;
  for (size_t i = 0; i < calls.size(); ++i) least = std::max(least, least_live_at({calls, live.bytes(), segments}, static_cast<int>(i)));
  return live.always() + least;
}

}  // namespace

int main(int count, char** words) {
  int at = 1;
  const bool cpu = count > at && std::strcmp(words[at], "--cpu") == 0;
  const Target target = cpu ? (++at, cpu_target()) : cuda_target(0);
  const int64_t batch = count > at ? std::atoll(words[at++]) : 0;
  fmt::print("{:<20} {:>6} {:>16} {:>16} {:>8} {:>16} {:>16}\n", "network", "batch", "as written", "chosen", "less", "any order", "arena");
  for (; at < count; ++at) {
    Compilation made;
    made.graph = network(words[at], batch);
    run_passes(made, true, nullptr);
    Graph& graph = *made.graph;
    const int64_t written = planned(graph, target).train.lower_bound, least = least_peak(graph, target);
    schedule(graph, target);
    const Plan plan = planned(graph, target);
    const int64_t chosen = plan.train.lower_bound;
    fmt::print("{:<20} {:>6} {:>16} {:>16} {:>6.2f} % {:>16} {:>16}\n", std::filesystem::path(words[at]).stem().string(), plan.batch, written, chosen,
               100.0 * static_cast<double>(written - chosen) / static_cast<double>(written), chosen == least ? "the same" : fmt::to_string(least), plan.train.end);
  }
}
