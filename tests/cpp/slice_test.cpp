// Calls that run on slices of the batch: the step stays a valid plan, needs less, and trains to the same numbers.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstdio>

#include "compiled.h"
#include "passes/choose_slices.h"
#include "passes/recompute.h"
#include "plan/make_plan.h"
#include "plan/validate.h"

namespace netc {

TEST_CASE("probe", "[.probe]") {
  Options options;
  Graph graph = *compile_file(std::getenv("NET"), options).graph;
  const int64_t batch = std::atoi(std::getenv("BATCH"));
  if (std::getenv("AGAIN")) {
    const ForwardPass pass = forward_pass(graph);
    std::vector<bool> keep = keep_all(pass);
    for (size_t i = 0; i < keep.size(); ++i)
      if (graph[pass.tensors[i].value].name == std::getenv("AGAIN")) keep[i] = false, std::printf("dropped %s\n", std::getenv("AGAIN"));
    recompute(graph, pass, keep);
  }
  std::string error;
  const Target target = cuda_target(0);
  const Plan before = *make_plan(graph, target, batch, error);
  const Graph was = graph;
  const SliceChoice choice = choose_slices(graph, target, batch, 0);
  const auto after = make_plan(graph, target, batch, error);
  std::printf("%s\n", error.c_str());
  REQUIRE(after);
  std::printf("train %.3f -> %.3f GB, eval %.3f -> %.3f GB, arena %.3f -> %.3f GB; choice %.3f %.3f\n", before.train.lower_bound / 1e9, after->train.lower_bound / 1e9, before.evaluate.lower_bound / 1e9,
              after->evaluate.lower_bound / 1e9, before.arena / 1e9, after->arena / 1e9, choice.training_peak / 1e9, choice.evaluation_peak / 1e9);
  for (const SliceRun& run : choice.training) {
    std::printf("training %d..%d in %d:", run.first, run.last, run.count);
    for (int i = run.first; i < run.last; ++i) std::printf(" %s(%s)", std::string(was.nodes[i].kernel).c_str(), was.layers[was.nodes[i].layer.at()].name.c_str());
    std::printf("\n");
  }
  for (const SliceRun& run : choice.evaluation) std::printf("evaluation %d..%d in %d\n", run.first, run.last, run.count);
}

}  // namespace netc
