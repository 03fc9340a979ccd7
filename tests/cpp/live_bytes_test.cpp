// The lean evaluator says what the whole planner says.
#include <catch2/catch.hpp>
#include <filesystem>

#include "compiled.h"
#include "passes/recompute.h"
#include "plan/live_bytes.h"
#include "plan/make_plan.h"

namespace netc {

TEST_CASE("live bytes of a step are the lower bound of its plan", "[live]") {
  int steps = 0;
  for (const auto& entry : std::filesystem::directory_iterator(NETC_SOURCE_DIR "/examples")) {
    const auto file = entry.path() / (entry.path().filename().string() + ".net");
    if (!std::filesystem::exists(file)) continue;
    CAPTURE(file.string());
    const Graph graph = as_written(file.string());
    if (graph.nodes.empty()) continue;
    ++steps;
    for (const Target& target : {cpu_target(), cuda_target(0)}) {
      LiveBytes live(graph, target, 3);
      REQUIRE(live.ok());
      const Plan plan = plan_of(graph, target, 3);
      const LivenessBound bound = live.peak(graph.nodes);
      CHECK(live.always() + bound.bytes == plan.train.lower_bound);
      CHECK(bound.position == plan.train.peak);
      CHECK(live.profile()[static_cast<size_t>(bound.position)] == bound.bytes);

      // The same for a step in which everything is made again.
      Graph less = graph;
      const ForwardPass pass = forward_pass(graph);
      std::vector<bool> keep;
      for (const ForwardTensor& tensor : pass.tensors) keep.push_back(tensor.must_keep);
      const Remade made = remake(graph, pass, keep);
      const int64_t remade = live.peak(made.nodes, made.copy_of).bytes;
      recompute(less, pass, keep);
      CHECK(live.always() + remade == plan_of(less, target, 3).train.lower_bound);
      CHECK(live.peak(graph.nodes).bytes == bound.bytes);  // what was asked before leaves no trace
    }
  }
  CHECK(steps > 5);
}

TEST_CASE("a step too large for 63 bits has no live bytes", "[live]") {
  const Graph graph = *compile_text("input 1024x1024x16\nconv 8 3x3 pad\nfc 10\nloss softmax\ntrain { batch 1 }\n").graph;
  CHECK(LiveBytes(graph, cuda_target(0), 1).ok());
  CHECK_FALSE(LiveBytes(graph, cuda_target(0), 2'000'000'000'000).ok());
}

}  // namespace netc
