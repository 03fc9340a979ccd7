// The order of calls: against every order there is on small random steps, and bit by bit against the order as written.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <sstream>

#include "compiled.h"
#include "passes/schedule.h"
#include "plan/live_bytes.h"
#include "plan/order.h"

namespace netc {
namespace {

struct RandomStep {
  std::vector<Access> calls;
  std::vector<int64_t> bytes;
  std::vector<int> segment;
};

/// Calls that read what is there and write something new, write over it, continue it, add to a sum, or update what lives always.
RandomStep random_step(std::mt19937& random, int calls) {
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  RandomStep step;
  step.bytes = {Sharing::kAlways, Sharing::kAlways};
  std::vector<int> values = {0}, sums;  // what may be read, and what may be added to
  for (int i = 0; i < calls; ++i) {
    Access call;
    for (int k = below(3); k >= 0; --k) call.inputs.push_back(values[static_cast<size_t>(below(static_cast<int>(values.size())))]);
    const int made = static_cast<int>(step.bytes.size());
    const int kind = below(8);
    if (kind == 0 && !sums.empty()) {
      call.outputs = {sums.back()};
    } else if (kind == 1) {
      call.outputs = {1};
      if (!sums.empty()) call.inputs.push_back(sums.back());
    } else {
      const bool continues = kind == 2 && i > 0 && step.calls.back().outputs[0] == values.back() && values.size() > 1;
      if (continues) call.continues = values.back(), values.pop_back(), call.inputs = {0};
      step.bytes.push_back(continues ? step.bytes[static_cast<size_t>(call.continues)] : 200 * (1 + below(4)));
      call.outputs = {made};
      (kind == 3 ? sums : values).push_back(made);
      if (kind > 5 && !continues) call.in_place = kind == 6 ? -1 : 0;
    }
    if (below(3) == 0) step.bytes.push_back(100 * (1 + below(9))), call.outputs.push_back(static_cast<int>(step.bytes.size()) - 1), values.push_back(call.outputs.back());
    if (below(4) == 0) call.workspace = 256 * (1 + below(3));
    step.calls.push_back(call);
    step.segment.push_back(i < calls / 3 ? 0 : 1);
  }
  return step;
}

bool conflict(const Access& a, const Access& b) {
  const auto touches = [](const Access& call, int storage, bool writes) {
    return std::ranges::find(call.outputs, storage) != call.outputs.end() || call.continues == storage ||
           (!writes && std::ranges::find(call.inputs, storage) != call.inputs.end());
  };
  const auto writes_what_touches = [&](const Access& writer, const Access& other) {
    return std::ranges::any_of(writer.outputs, [&](int storage) { return storage >= 0 && touches(other, storage, false); }) ||
           (writer.continues >= 0 && touches(other, writer.continues, false));
  };
  return writes_what_touches(a, b) || writes_what_touches(b, a);
}

bool runs(const RandomStep& step, const std::vector<int>& order) {
  for (size_t i = 0; i < order.size(); ++i)
    for (size_t j = i + 1; j < order.size(); ++j) {
      const auto a = static_cast<size_t>(order[i]), b = static_cast<size_t>(order[j]);
      if (a > b && (step.segment[a] != step.segment[b] || conflict(step.calls[a], step.calls[b]))) return false;
    }
  return true;
}

int64_t peak(const RandomStep& step, const std::vector<int>& order) {
  std::vector<Access> calls;
  for (int i : order) calls.push_back(step.calls[static_cast<size_t>(i)]);
  Sharing sharing;
  sharing.run(calls, step.bytes);
  return liveness_bound(sharing.buffers(), static_cast<int>(calls.size())).bytes;
}

std::string weights_after(const Graph& graph, const TemporaryFolder& folder, const std::string& name) {
  InterpretOptions options;
  options.folder = folder.path();
  const std::string file = folder.path() / name;
  options.arguments = {"--steps", "3", "--quiet", "--save", file};
  REQUIRE(interpret(graph, plan_of(graph, cpu_target(), graph.train.batch), options) == 0);
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("the order of a small step is the best there is, and is said to be where it surely is", "[order]") {
  std::mt19937 random(7);
  int lower = 0, proven = 0;
  for (int round = 0; round < 400; ++round) {
    const RandomStep step = random_step(random, 7);
    std::vector<int> order(step.calls.size());
    std::iota(order.begin(), order.end(), 0);
    const int64_t plain = peak(step, order);
    int64_t best = plain;
    while (std::ranges::next_permutation(order).found)
      if (runs(step, order)) best = std::min(best, peak(step, order));
    const Order found = order_calls({step.calls, step.bytes, step.segment});
    CAPTURE(round);
    REQUIRE(runs(step, found.calls));
    REQUIRE(found.peak == peak(step, found.calls));
    REQUIRE(found.peak == best);
    for (int i = 0; i < 7; ++i) REQUIRE(least_live_at({step.calls, step.bytes, step.segment}, i) <= best);
    lower += best < plain ? 1 : 0;
    proven += found.least ? 1 : 0;
  }
  CHECK(lower > 50);
  CHECK(proven > 50);
}

TEST_CASE("another order changes no bit of the weights", "[order]") {
  int others = 0;
  for (const char* name : {"activations", "blocks", "dropout", "initialisers", "mask", "sequences", "clip", "norms"}) {
    CAPTURE(name);
    const std::string file = std::string(NETC_SOURCE_DIR) + "/tests/torch/nets/" + name + ".net";
    const Graph written = as_written(file);
    Graph scheduled = written;
    schedule(scheduled, cpu_target());
    TemporaryFolder folder;
    const bool same_order = std::ranges::equal(written.nodes, scheduled.nodes, [](const Node& a, const Node& b) {
      return a.kernel == b.kernel && a.outputs == b.outputs;
    });
    others += same_order ? 0 : 1;
    const std::string first = weights_after(written, folder, "written"), second = weights_after(scheduled, folder, "scheduled");
    CHECK(first.size() > 100);
    CHECK(first == second);
  }
  CHECK(others >= 5);
}

}  // namespace netc
