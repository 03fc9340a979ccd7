// The choice of what to keep: the least cut, the choice at a price, the bound and the search, each against trying everything; masks made early.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>

#include "compiled.h"
#include "data_samples.h"
#include "estimate/gpus.h"
#include "fit/min_cut.h"
#include "fit/search.h"
#include "passes/early_masks.h"

using namespace netc;

namespace {

constexpr const char* kTrain = "loss softmax\ntrain { sgd 0.1; batch 4; steps 3 }\n";

/// Few tensors, of every kind: masks and statistics beside outputs, branches, concats, calls without and with much arithmetic.
const std::vector<std::string> kNetworks = {
    "input 12x12x3\nconv 8 3x3 pad; relu; conv 8 3x3 pad; relu; conv 8 3x3 pad; relu; conv 8 3x3 pad; relu; conv 8 3x3 pad; tanh; conv 4 1x1; fc 10\n",
    "input 16x16x3\nconv 8 3x3 pad; relu; conv 8 3x3 pad; relu; pool 2x2/2; conv 16 3x3 pad; relu; fc 10\n",
    "input 12x12x3\nconv 8 3x3 pad; bn; relu; conv 8 3x3 pad; bn; relu; avgpool 2x2/2; fc 10\n",
    "input 12x12x4\nconv 8 3x3 pad; relu\nadd {} { conv 8 3x3 pad; relu; conv 8 1x1 }; relu\nconcat { conv 4 1x1; relu } { conv 4 3x3 pad; silu }\nfc 10\n",
    "input 12x12x3\nconv 6 3x3 pad; silu; drop 0.3; conv 12 3x3/2 pad; gelu; conv 12 3x3 pad; tanh; conv 4 1x1; fc 10\n",
    "input 6 tokens 20\nembed 20 8; add {} { norm; attn 2 }; first; fc 16; relu; fc 10\n",
};

/// All passes but `schedule`, as the search wants it.
Graph written(const std::string& text) {
  const TemporaryFolder folder;
  return as_written(folder.write("test.net", text));
}

/// A network ready for the search. Stays where it is: the problem refers to its graph.
struct Small {
  Graph graph;
  Target target = cpu_target();
  FitProblem problem;

  explicit Small(const std::string& text) : graph(written(text + kTrain)), problem(fit_problem(graph, target, 32, sustained_rates(reference_gpu()))) {}
  Small(const Small&) = delete;

  /// Calls `visit` with every choice: what must be kept is, of the others each set.
  template <class Visit>
  void every_keep(Visit visit) const {
    std::vector<size_t> free;
    for (size_t i = 0; i < problem.bytes.size(); ++i)
      if (!problem.pass.tensors[i].must_keep && !problem.dropped[i]) free.push_back(i);
    CAPTURE(graph.name, free.size());
    REQUIRE(free.size() >= 4);
    REQUIRE(free.size() <= 13);
    for (uint32_t set = 0; set < (1u << free.size()); ++set) {
      Keep keep(problem.bytes.size(), false);
      for (size_t i = 0; i < keep.size(); ++i) keep[i] = problem.pass.tensors[i].must_keep;
      for (size_t i = 0; i < free.size(); ++i) keep[free[i]] = set >> i & 1;
      visit(std::move(keep));
    }
  }
};

/// Seconds of the calls that must run again for `needed` to be at hand, plus `price` for each byte of what is kept and used.
double priced_cost(const FitProblem& problem, const std::vector<bool>& needed, const Keep& keep, const std::vector<bool>& priced,
                   const std::vector<bool>& held, double price) {
  std::vector<bool> at_hand(keep.size(), false), runs(problem.reruns.size(), false);
  std::vector<size_t> waiting;
  const auto want = [&](size_t tensor) {
    if (!at_hand[tensor] && !held[tensor]) at_hand[tensor] = true, waiting.push_back(tensor);
  };
  for (size_t i = 0; i < keep.size(); ++i)
    if (needed[i]) want(i);
  double cost = 0;
  while (!waiting.empty()) {
    const size_t tensor = waiting.back();
    waiting.pop_back();
    if (keep[tensor]) {
      if (priced[tensor]) cost += price * static_cast<double>(problem.bytes[tensor]);
      continue;
    }
    if (problem.pass.tensors[tensor].must_keep) return std::numeric_limits<double>::infinity();
    for (int maker : problem.pass.tensors[tensor].makers) {
      if (runs[static_cast<size_t>(maker)]) continue;
      runs[static_cast<size_t>(maker)] = true;
      cost += problem.reruns[static_cast<size_t>(maker)].seconds;
      for (int read : problem.reruns[static_cast<size_t>(maker)].reads) want(static_cast<size_t>(read));
    }
  }
  return cost;
}

std::vector<bool> read_backward(const FitProblem& problem) {
  std::vector<bool> needed;
  for (const ForwardTensor& tensor : problem.pass.tensors) needed.push_back(tensor.read_backward);
  return needed;
}

void check_priced(const Small& net, const std::vector<bool>& needed, const std::vector<bool>& priced, const std::vector<bool>& held, double price) {
  const FitProblem& problem = net.problem;
  double least = std::numeric_limits<double>::infinity();
  net.every_keep([&](const Keep& keep) { least = std::min(least, priced_cost(problem, needed, keep, priced, held, price)); });
  const PricedChoice choice = priced_choice(problem, needed, priced, held, price);
  CAPTURE(price);
  CHECK(choice.seconds + price * static_cast<double>(choice.bytes) == Approx(least).epsilon(1e-9).margin(1e-15));
  CHECK(priced_cost(problem, needed, choice.keep, priced, held, price) == Approx(least).epsilon(1e-9).margin(1e-15));
}

}  // namespace

TEST_CASE("the least cut is the least over all sides", "[fit]") {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    const int vertices = 3 + static_cast<int>(random() % 8);
    struct Edge { int from, to; int64_t capacity; };
    std::vector<Edge> edges(random() % 30);
    MinCut cut(vertices);
    const auto vertex = [&] { return static_cast<int>(random() % static_cast<unsigned>(vertices)); };
    for (Edge& edge : edges) {
      edge = {vertex(), vertex(), static_cast<int64_t>(random() % 6 == 0 ? 0 : random() % 50)};
      cut.add(edge.from, edge.to, edge.capacity);
    }
    const auto value_of = [&](auto on_source_side) {
      int64_t value = 0;
      for (const Edge& edge : edges)
        if (on_source_side(edge.from) && !on_source_side(edge.to)) value += edge.capacity;
      return value;
    };
    int64_t least = std::numeric_limits<int64_t>::max();
    for (uint32_t side = 0; side < (1u << vertices); ++side)
      if ((side >> MinCut::kSource & 1) && !(side >> MinCut::kSink & 1)) least = std::min(least, value_of([&](int each) { return side >> each & 1; }));
    CHECK(cut.solve() == least);
    CHECK(cut.on_source_side(MinCut::kSource));
    CHECK(!cut.on_source_side(MinCut::kSink));
    CHECK(value_of([&](int each) { return cut.on_source_side(each); }) == least);
  }
}

TEST_CASE("no choice is below the cut's at its price", "[fit]") {
  std::mt19937 random(3);
  const auto some = [&](size_t count, unsigned in) {
    std::vector<bool> set(count);
    for (size_t i = 0; i < count; ++i) set[i] = random() % in == 0;
    return set;
  };
  for (const std::string& text : kNetworks) {
    CAPTURE(text);
    const Small net(text);
    const FitProblem& problem = net.problem;
    const size_t tensors = problem.bytes.size();
    const double typical = problem.step_seconds / static_cast<double>(std::max<int64_t>(1, problem.live.peak(problem.graph.nodes).bytes));
    for (double price : {0.0, 0.03 * typical, 0.2 * typical, typical, 5 * typical, 100 * typical})
      check_priced(net, read_backward(problem), std::vector<bool>(tensors, true), std::vector<bool>(tensors, false), price);
    for (int round = 0; round < 6; ++round) {
      std::vector<bool> needed = read_backward(problem);
      const std::vector<bool> out = some(tensors, 3), held = some(tensors, 5), free = some(tensors, 4);
      std::vector<bool> priced(tensors);
      for (size_t i = 0; i < tensors; ++i) needed[i] = needed[i] && !out[i], priced[i] = !free[i];
      check_priced(net, needed, priced, held, 0.3 * typical);
    }
  }
}

TEST_CASE("the bound holds, and the search comes close to the best of all choices", "[fit]") {
  int bounded = 0, saving = 0;
  for (const std::string& text : kNetworks) {
    CAPTURE(text);
    const Small net(text);
    const FitProblem& problem = net.problem;
    std::vector<Choice> all;
    net.every_keep([&](Keep keep) { all.push_back(measure(problem, std::move(keep))); });
    const auto least_peak = [](const Choice& a, const Choice& b) { return a.peak < b.peak; };
    const int64_t least = std::ranges::min_element(all, least_peak)->peak, most = measure(problem, keep_most(problem)).peak;
    saving += least < most;
    const FitSearch search(problem);
    CHECK(search.least().peak >= least);
    CHECK(std::isinf(search.bound(problem.persistent)));
    CHECK(search.bound(most) == 0);
    constexpr int kBudgets = 16;
    for (int i = 0; i <= kBudgets; ++i) {
      const int64_t budget = least + (most - least) * i / kBudgets;
      CAPTURE(budget, least, most);
      double best = std::numeric_limits<double>::infinity();
      for (const Choice& choice : all)
        if (choice.peak <= budget) best = std::min(best, choice.seconds);
      const double bound = search.bound(budget);
      CHECK(bound <= best * (1 + 1e-9));
      bounded += bound > 0;
      const std::optional<Choice> found = search.cheapest(budget, 1500);
      if (budget >= search.least().peak) REQUIRE(found);
      if (!found) continue;
      CHECK(found->peak <= budget);
      const Choice again = measure(problem, found->keep);
      CHECK((again.peak == found->peak && again.seconds == found->seconds && again.flops == found->flops));
      CHECK(found->seconds >= best);
      CHECK(found->seconds <= best * 1.25 + 1e-12);
    }
  }
  CHECK(saving >= 4);
  CHECK(bounded > 15);
}

TEST_CASE("the bound is the lower hull of all choices at the end of the forward pass", "[fit]") {
  for (const std::string& text : kNetworks) {
    CAPTURE(text);
    const Small net(text);
    const FitProblem& problem = net.problem;
    const Moment end = end_of_forward(problem);
    const std::vector<bool> priced(problem.bytes.size(), true), held(problem.bytes.size(), false);
    std::map<int64_t, double> fewest;  // seconds, by bytes kept
    net.every_keep([&](const Keep& keep) {
      const double seconds = priced_cost(problem, end.needed, keep, priced, held, 0);
      const int64_t bytes = std::llround(priced_cost(problem, end.needed, keep, priced, held, 1) - seconds);
      const auto at = fewest.try_emplace(bytes, seconds).first;
      at->second = std::min(at->second, seconds);
    });
    const int64_t least = fewest.begin()->first, most = fewest.rbegin()->first;
    for (int i = 0; i <= 20; ++i) {
      const int64_t room = least + (most - least) * i / 20;
      double hull = std::numeric_limits<double>::infinity();
      for (const auto& [below, more] : fewest)
        for (const auto& [above, less] : fewest) {
          if (below > room || above < room) continue;
          const double share = above == below ? 0 : static_cast<double>(room - below) / static_cast<double>(above - below);
          hull = std::min({hull, more, more + share * (less - more)});
        }
      CHECK(least_seconds(problem, end, end.other_bytes + room) == Approx(hull).epsilon(1e-6).margin(1e-13));
    }
    CHECK(std::isinf(least_seconds(problem, end, end.other_bytes + least - 1)));
  }
}

namespace {

/// Random pictures and classes for networks that read `npy "data"`: the generated data have 2,000 samples for the evaluation that ends a run.
void write_pictures(const std::string& folder, int side) {
  std::mt19937 random(5);
  for (const auto& [split, count] : {std::pair{"train", 12}, std::pair{"test", 1}}) {
    std::vector<float> pictures(static_cast<size_t>(count * side * side * 3));
    std::vector<int64_t> classes(static_cast<size_t>(count));
    for (float& value : pictures) value = static_cast<float>(random() % 1000) / 1000;
    for (int64_t& value : classes) value = random() % 10;
    samples::write_file(fmt::format("{}/data/x_{}.npy", folder, split), samples::npy("<f4", fmt::format("({0}, {1}, {1}, 3)", count, side), pictures));
    samples::write_file(fmt::format("{}/data/y_{}.npy", folder, split), samples::npy("<i8", fmt::format("({},)", count), classes));
  }
}

/// The numbers of the saved weights, trained in this process.
std::string trained(const Graph& graph, const std::string& folder) {
  InterpretOptions options;
  options.guard = true;
  options.command = "netc --train test.net";
  options.folder = folder;
  options.arguments = {"--quiet", "--save", folder + "/weights"};
  REQUIRE(interpret(graph, plan_of(graph, cpu_target(), graph.train.batch), options) == 0);
  const std::string file = samples::read_file(folder + "/weights");
  uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  return file.substr(sizeof header + header);
}

}  // namespace

TEST_CASE("masks made early change no weight, and fewer bytes are live", "[fit]") {
  const TemporaryFolder folder;
  write_pictures(folder.path(), 16);
  for (const std::string activation : {"relu", "relu6", "leaky 0.1", "hardsigmoid"}) {
    CAPTURE(activation);
    const std::string layer = "conv 16 3x3 pad; " + activation + "; ";
    const Graph plain = written("input 16x16x3 from npy \"data\"\n" + layer + layer + layer + "conv 2 1x1; fc 10\n" + kTrain);
    const int64_t largest = largest_maskable(plain);
    CHECK(largest == 16 * 16 * 16 * 4);
    Graph masked = plain, none = plain;
    CHECK(mask_early(none, largest + 1) == 0);
    CHECK(none.nodes.size() == plain.nodes.size());
    const int masks = mask_early(masked, 1);
    CHECK(masks >= 2);
    CHECK(static_cast<int>(masked.nodes.size()) == static_cast<int>(plain.nodes.size()) + masks);
    CHECK(plan_of(masked, cpu_target(), 4).lower_bound < plan_of(plain, cpu_target(), 4).lower_bound);
    CHECK(trained(masked, folder.path()) == trained(plain, folder.path()));
  }
}

TEST_CASE("what `recompute LABEL` does not keep", "[fit]") {
  const std::string text = "input 12x12x3 from npy \"data\"\na: conv 4 3x3 pad; tanh\nb: { conv 4 3x3 pad; relu; conv 6 3x3 pad; silu; conv 4 1x1 }\n"
                           "def block c { conv c 3x3 pad; tanh; conv c 3x3 pad; tanh }\nc: block 5\n"
                           "for w in (6) (7) { l: { conv w 3x3 pad; silu; conv w 3x3 pad; silu } }\nr: 2 * conv 7 3x3 pad nobias\nfc 10\n"
                           "loss softmax\ntrain { sgd 0.1; batch 2; steps 2; recompute LABELS }\n";
  const auto labelled_with = [&](const std::string& labels) {
    std::string with = text;
    return written(with.replace(with.find("LABELS"), 6, labels));
  };
  const Graph auto_only = labelled_with("auto");
  const TemporaryFolder folder;
  write_pictures(folder.path(), 12);
  const std::string plain = trained(auto_only, folder.path());
  const std::vector<std::pair<std::string, std::set<std::string>>> cases = {
      {"auto", {}},
      {"a", {"tanh1"}},                                                  // a layer: what it leaves, the activation inside it
      {"b", {"relu1", "conv2", "silu1"}},                                // a block: all but what it leaves
      {"c", {"block1.tanh1"}},                                           // a def
      {"l", {"conv4", "silu2", "conv5", "conv6", "silu4", "conv7"}},     // every turn of a loop, each with what it leaves
      {"r", {"conv8"}},                                                  // repeats are one block
      {"a b", {"tanh1", "relu1", "conv2", "silu1"}},
  };
  for (const auto& [labels, expected] : cases) {
    CAPTURE(labels);
    const Graph graph = labelled_with(labels);
    std::set<std::string> again, read;
    for (const Value& value : graph.values)
      if (value.name.ends_with(".again")) again.insert(value.name.substr(0, value.name.size() - 6));
    CHECK(again == expected);
    // The backward pass reads the copies, never the first ones.
    for (const Node& node : graph.nodes)
      if (node.phase == Phase::backward)
        for (ValueId input : node.inputs)
          if (input.valid()) read.insert(graph[graph.storage(input)].name);
    for (const std::string& name : expected) {
      CHECK(!read.contains(name));
      CHECK(read.contains(name + ".again"));
    }
    CHECK(trained(graph, folder.path()) == plain);  // plan_of has the validator check the plan
  }
}
