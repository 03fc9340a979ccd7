// Calls that run on slices of the batch: the step stays a valid plan, needs less, and trains to the same numbers.
#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <regex>

#include "backend/program.h"
#include "op_network.h"
#include "ops/table.h"
#include "passes/choose_slices.h"
#include "passes/recompute.h"
#include "passes/schedule.h"
#include "plan/make_plan.h"
#include "plan/validate.h"
#include "stepper.h"

namespace netc {
namespace {

/// Long runs of calls that can be cut in two; or each such call by itself.
std::vector<SliceRun> all_runs(const Slicing& slicing, int nodes, int64_t batch, bool one_by_one) {
  std::vector<SliceRun> runs;
  for (int i = 0; i < nodes; ++i) {
    const SliceRun alone{i, i + 1, 2}, longer = runs.empty() ? alone : SliceRun{runs.back().first, i + 1, 2};
    if (!one_by_one && !runs.empty() && runs.back().last == i && slicing.cut({{longer}}, batch)) runs.back() = longer;
    else if (slicing.cut({{alone}}, batch)) runs.push_back(alone);
  }
  return runs;
}

/// Cuts whatever can be cut of the training step in two; how many calls run on slices.
int cut_everything(Graph& graph, int64_t batch, bool one_by_one) {
  const Slicing slicing(graph, graph.nodes, {});
  std::optional<Sliced> sliced = slicing.cut(all_runs(slicing, static_cast<int>(graph.nodes.size()), batch, one_by_one), batch);
  REQUIRE(sliced);
  apply(graph, &Graph::nodes, *std::move(sliced));
  return static_cast<int>(std::ranges::count_if(graph.nodes, [](const Node& node) { return node.slice.count > 1; }));
}

/// The same losses and weights after some steps, but for the order of sums over samples. Steps magnify that: by a factor of some ten here.
void check_same_training(const Graph& whole, const Graph& sliced, int64_t batch, int steps) {
  Stepper a(whole, batch), b(sliced, batch);
  for (int i = 0; i < steps; ++i) {
    const double loss = a.step();
    CHECK(b.step(true) == Approx(loss).epsilon(1e-5));
  }
  const double close = steps == 1 ? 1e-4 : 1e-3;
  CHECK(b.evaluate() == Approx(a.evaluate()).epsilon(close));
  const auto weights = a.parameters(), others = b.parameters();
  REQUIRE(weights.size() == others.size());
  for (const auto& [name, values] : weights) {
    CAPTURE(name);
    float largest = 0, off = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      largest = std::max(largest, std::abs(values[i]));
      off = std::max(off, std::abs(values[i] - others.at(name)[i]));
    }
    CHECK(off <= close * largest + 1e-6);
  }
}

/// What `action` writes to standard output.
template <class Action>
std::string printed(const std::string& file, Action action) {
  std::fflush(stdout);
  const int kept = dup(STDOUT_FILENO), to = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(to, STDOUT_FILENO);
  action();
  std::fflush(stdout);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  close(to);
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> step_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("step ")) lines.push_back(line);
  return lines;
}

/// The network of a text, in whose step the named tensors are made again.
Graph forgetting(const std::string& text, std::initializer_list<std::string> names) {
  TemporaryFolder folder;
  Graph graph = as_written(folder.write("test.net", text));
  const ForwardPass pass = forward_pass(graph);
  std::vector<bool> keep = keep_all(pass);
  for (size_t i = 0; i < keep.size(); ++i)
    if (std::ranges::count(names, graph[pass.tensors[i].value].name) > 0) keep[i] = false;
  recompute(graph, pass, keep);
  schedule(graph, cpu_target());
  return graph;
}

/// A VGG of three stages.
constexpr const char* kVgg =
    "net small_vgg\ninput 32x32x3\nfor c n in (16 2) (24 2) (32 2) { n * { conv c 3x3 pad; relu }; pool 2x2/2 }\nfc 20; relu; drop 0.5; fc 10\nloss softmax\n"
    "train { sgd 0.05 momentum 0.9; batch 16; steps 5 }\n";

}  // namespace

TEST_CASE("a call of any op on slices leaves what it leaves on the whole batch", "[slice]") {
  for (const OpDef* op : op_table()) {
    for (const Example& example : op->examples.value) {
      const std::string text = network_around(*op, example);
      CAPTURE(op->name.value, text);
      const Graph whole = *compile_text(text).graph;
      // Slices of the bits of a mask begin at whole buffers' bytes only in a large batch.
      const bool bits = std::ranges::any_of(whole.values, [](const Value& value) { return value.type.dtype == DType::bit; });
      const int64_t batch = bits ? 256 : 32;
      for (bool one_by_one : {true, false}) {
        CAPTURE(one_by_one);
        Graph sliced = whole;
        CHECK(cut_everything(sliced, batch, one_by_one) > 0);
        check_same_training(whole, sliced, batch, 1);
      }
    }
  }
}

TEST_CASE("a sliced network trains like the whole one", "[slice]") {
  const std::string train = "fc 3\nloss softmax\ntrain { sgd 0.05 momentum 0.9; batch 16 }\n";
  for (const std::string& text : {
           std::string(kVgg),
           "input 16x16x3\nconv 16 3x3 pad; bn; relu; pool 2x2/2\nadd { conv 16 3x3 pad; bn; relu; conv 16 3x3 pad; bn } {}\nrelu; avgpool 8x8\n" + train,
           "input 16x16x3\nconv 8 3x3 pad; relu\nconcat { conv 8 1x1; relu } { conv 8 3x3 pad; relu }\npool 2x2/2; conv 16 3x3 pad; relu\n" + train,
           "input 16x16x4\nskip: conv 8 3x3 pad; relu\npool 2x2/2; conv 16 3x3 pad; relu; up 8 2x2/2\nconcat {skip} {}\nconv 4 3x3 pad; relu\n" + train,
           std::string("input 16x16x3\nconv 8 3x3 pad; relu; conv 8 3x3 pad; relu; pool 2x2/2; fc 3\nloss softmax\ntrain { adam 1e-2 clip 1; batch 2x16 }\n"),
       }) {
    CAPTURE(text);
    const Graph whole = *compile_text(text).graph;
    for (bool one_by_one : {true, false}) {
      Graph sliced = whole;
      CHECK(cut_everything(sliced, 16, one_by_one) > 3);
      check_same_training(whole, sliced, 16, 5);
    }
  }
}

TEST_CASE("slices lower the peak of every example that has one to lower, and the plan is valid", "[slice]") {
  int lower = 0;
  for (const auto& entry : std::filesystem::directory_iterator(NETC_SOURCE_DIR "/examples")) {
    const auto file = entry.path() / (entry.path().filename().string() + ".net");
    if (!std::filesystem::exists(file)) continue;
    CAPTURE(file.string());
    const Graph whole = *compile_file(file.string()).graph;
    if (whole.nodes.empty()) continue;
    for (const Target& target : {cpu_target(), cuda_target(0)}) {
      Graph graph = whole;
      const SliceChoice choice = choose_slices(graph, target, 32, 0);
      const Plan before = plan_of(whole, target, 32), plan = plan_of(graph, target, 32);
      CHECK(choice.training_peak == plan.train.lower_bound);
      CHECK(choice.evaluation_peak == plan.evaluate.lower_bound);
      CHECK(plan.lower_bound <= before.lower_bound);
      lower += plan.train.lower_bound < before.train.lower_bound;
      // With nothing to win nothing is cut.
      Graph roomy = whole;
      const SliceChoice none = choose_slices(roomy, target, 32, before.lower_bound);
      CHECK(none.training.empty());
      CHECK(none.evaluation.empty());
    }
  }
  CHECK(lower > 3);
}

TEST_CASE("slices of steps in which everything is made again have valid plans", "[slice]") {
  int lower = 0;
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
    schedule(graph, cpu_target());
    const int64_t before = plan_of(graph, cpu_target(), 32).train.lower_bound;
    // Half of what could be won.
    Graph least = graph;
    const int64_t budget = (before + choose_slices(least, cpu_target(), 32, 0).training_peak) / 2;
    const SliceChoice choice = choose_slices(graph, cpu_target(), 32, budget);
    CHECK(choice.training_peak <= budget);
    CHECK(plan_of(least, cpu_target(), 32).train.lower_bound <= choice.training_peak);
    CHECK(plan_of(graph, cpu_target(), 32).train.lower_bound == choice.training_peak);
    lower += choice.training_peak < before;
  }
  CHECK(lower > 6);
}

TEST_CASE("a tensor made again inside a run needs a slice's bytes", "[slice]") {
  const Graph whole = forgetting(kVgg, {"relu1", "relu3", "relu5"});
  Graph sliced = whole;
  const SliceChoice choice = choose_slices(sliced, cpu_target(), 16, 0);
  CHECK(plan_of(sliced, cpu_target(), 16).train.lower_bound < plan_of(whole, cpu_target(), 16).train.lower_bound * 3 / 4);
  CHECK_FALSE(choice.training.empty());
  CHECK_FALSE(choice.evaluation.empty());
  check_same_training(whole, sliced, 16, 5);
}

TEST_CASE("a batch that does not fall into the slices has no plan", "[slice]") {
  Graph graph = *compile_text(kVgg).graph;
  CHECK(cut_everything(graph, 16, false) > 0);
  std::string error;
  CHECK_FALSE(make_plan(graph, cpu_target(), 15, error));
  CHECK(error == "a batch of 15 cannot be cut into 2 equal slices");
  Graph narrow = *compile_text("input 5x5x1\nconv 1 3x3\nfc 3\nloss softmax\ntrain { sgd 0.1; batch 4 }\n").graph;
  const Slicing slicing(narrow, narrow.nodes, {});
  CHECK_FALSE(slicing.cut({{{0, 1, 2}}}, 4));  // 2 samples of 100 bytes
  CHECK(slicing.cut({{{0, 1, 2}}}, 8));
}

TEST_CASE("the validator sees slices that are wrong", "[slice]") {
  Graph graph = *compile_text(kVgg).graph;
  choose_slices(graph, cpu_target(), 16, 0);
  const Plan good = plan_of(graph, cpu_target(), 16);
  std::vector<Call>::const_iterator found = std::ranges::find_if(good.train.calls, [](const Call& call) { return call.slice.count > 1; });
  REQUIRE(found != good.train.calls.end());
  const auto first = static_cast<size_t>(found - good.train.calls.begin());
  const auto complains = [&](auto change) {
    Plan plan = good;
    change(plan);
    return !validate(plan, graph).empty();
  };
  CHECK_FALSE(complains([](Plan&) {}));
  CHECK(complains([&](Plan& plan) { plan.train.calls[first].slice.index = 1; }));
  CHECK(complains([&](Plan& plan) { plan.train.calls[first].slice.count = 3; }));
  CHECK(complains([&](Plan& plan) { plan.train.calls[first].slice = {}; }));
  CHECK(complains([&](Plan& plan) { plan.train.calls[first].slice.index = 99; }));
  // The last slice of what the run leaves whole is missing.
  CHECK(complains([&](Plan& plan) {
    for (size_t i = plan.train.calls.size(); i-- > 0;) {
      Call& call = plan.train.calls[i];
      if (call.slice.count == 1 || call.slice.index == 0) continue;
      call.slice.index = 0;
    }
  }));
  for (size_t i = 0; i < good.train.values.size(); ++i) {
    if (good.train.values[i].slices == 1) continue;
    CHECK(complains([&](Plan& plan) { plan.train.values[i].slices = 1; }));
    break;
  }
}

TEST_CASE("an emitted program runs slices to the interpreter's last digit", "[slice]") {
  const Sources sources = compile_text(kVgg).sources;
  Graph graph = forgetting(kVgg, {"relu1"});
  choose_slices(graph, cpu_target(), 16, 0);
  const Plan plan = plan_of(graph, cpu_target(), 16);
  const std::string text = program_text(graph, plan, sources, {"netc", "/", "0"});
  CHECK(text.find(" + kSliceOf") != std::string::npos);
  TemporaryFolder folder;
  const std::string program = folder.write("program.cpp", text), binary = (folder.path() / "program").string();
  const std::string build = fmt::format("g++ -std=c++20 -O1 -Wall -Wextra -Werror -I {}/runtime {} {} -o {} -ldnnl -fopenmp -lz -ljpeg -lpng -lpthread",
                                        NETC_SOURCE_DIR, program, NETC_RUNTIME_LIBRARY, binary);
  REQUIRE(std::system(build.c_str()) == 0);
  const std::string log = (folder.path() / "log").string();
  REQUIRE(std::system(fmt::format("{} --log-steps > {}", binary, log).c_str()) == 0);
  std::ifstream in(log);
  const std::vector<std::string> emitted = step_lines({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
  const std::vector<std::string> inside = step_lines(printed(log, [&] {
    InterpretOptions options;
    options.guard = true;
    options.arguments = {"--log-steps"};
    CHECK(interpret(graph, plan, options) == 0);
  }));
  CHECK(inside.size() == 5);
  CHECK(emitted == inside);
}

}  // namespace netc
