// Tensors made again in the backward pass: the step stays a valid plan, and keeps less.
#include <catch2/catch.hpp>
#include <filesystem>

#include "compiled.h"
#include "passes/recompute.h"
#include "passes/schedule.h"
#include "plan/make_plan.h"
#include "plan/validate.h"

namespace netc {

TEST_CASE("dropping everything that can be made again gives a valid plan", "[recompute]") {
  for (const auto& entry : std::filesystem::directory_iterator(NETC_SOURCE_DIR "/examples")) {
    const auto file = entry.path() / (entry.path().filename().string() + ".net");
    if (!std::filesystem::exists(file)) continue;
    CAPTURE(file.string());
    Graph graph = as_written(file.string());
    if (graph.nodes.empty()) continue;
    const ForwardPass pass = forward_pass(graph);
    std::vector<bool> keep;
    for (const ForwardTensor& tensor : pass.tensors) keep.push_back(tensor.must_keep);
    recompute(graph, pass, keep);
    for (const bool reordered : {false, true}) {
      if (reordered) schedule(graph, cpu_target());
      std::string error;
      const std::optional<Plan> plan = make_plan(graph, cpu_target(), 4, error);
      REQUIRE(plan);
      CHECK(validate(*plan, graph) == std::vector<std::string>{});
    }
  }
}

}  // namespace netc
