#include "fit/blocks.h"

#include <algorithm>
#include <map>

#include "fit/relaxation.h"

namespace netc {

namespace {

constexpr size_t kMostBlocks = 48;
constexpr size_t kLongestStretch = 12;  ///< blocks that are made again together
constexpr size_t kMostLabels = 256;     ///< kept at a cut, thinned evenly by bytes

/// By tensor: the last forward node that reads it, or that makes it.
std::vector<int> last_forward_use(const FitProblem& problem) {
  std::vector<int> last;
  for (const ForwardTensor& tensor : problem.pass.tensors) last.push_back(tensor.makers.back());
  for (int i = 0; i < problem.pass.forward_nodes; ++i)
    for (ValueId input : problem.graph.nodes[static_cast<size_t>(i)].inputs)
      if (const int tensor = problem.pass.tensor(problem.graph, input); tensor >= 0) last[static_cast<size_t>(tensor)] = i;
  return last;
}

}  // namespace

namespace {

/// Adds a way unless another is as good in everything.
void add_way(std::vector<BlockWay>& ways, BlockWay way) {
  const auto as_good = [](const BlockWay& a, const BlockWay& b) { return a.kept <= b.kept && a.working <= b.working && a.seconds <= b.seconds; };
  if (std::ranges::any_of(ways, [&](const BlockWay& other) { return as_good(other, way); })) return;
  std::erase_if(ways, [&](const BlockWay& other) { return as_good(way, other); });
  ways.push_back(std::move(way));
}

}  // namespace

/// What is known at a cut about one way to come there.
struct Blocks::Label {
  int64_t kept = 0;
  double seconds = 0;
  size_t from = 0, label = 0;       ///< the cut and its label it comes from
  const BlockWay* way = nullptr;
};

Blocks::Blocks(const FitProblem& problem, const std::vector<double>& prices) : problem_(problem), across_(problem.bytes.size(), false) {
  find_cuts();
  const size_t blocks = cuts_.size() - 1;
  ways_.resize(blocks);
  for (size_t i = 0; i < blocks; ++i) ways_[i].resize(std::min(kLongestStretch, blocks - i));
  for (size_t length = 1; length <= std::min(kLongestStretch, blocks); ++length)
    for (size_t offset = 0; offset < length; ++offset)
      for (double price : prices) measure_stretches(length, offset, price);
}

void Blocks::find_cuts() {
  const int nodes = problem_.loss;
  const std::vector<int> last = last_forward_use(problem_);
  struct Crossing {
    int count = 0, tensor = -1;
  };
  std::vector<Crossing> crossing(static_cast<size_t>(nodes) + 1);
  for (size_t i = 0; i < last.size(); ++i) {
    const int first = problem_.pass.tensors[i].makers.back();
    across_[i] = last[i] - first > std::max(nodes / 6, 8) && !problem_.dropped[i];
    if (across_[i]) continue;
    for (int node = first; node < std::min(last[i], nodes); ++node)
      crossing[static_cast<size_t>(node)] = {crossing[static_cast<size_t>(node)].count + 1, static_cast<int>(i)};
  }
  std::vector<BlockCut> found;
  for (int node = 0; node < nodes; ++node) {
    const auto [count, tensor] = crossing[static_cast<size_t>(node)];
    if (count == 1 && !problem_.dropped[static_cast<size_t>(tensor)]) found.push_back({node, tensor});
  }
  // Too many: of each stretch of neighbours the one with the smallest tensor.
  cuts_.push_back({});
  const size_t groups = std::min(found.size(), kMostBlocks - 1);
  for (size_t group = 0; group < groups; ++group) {
    const auto begin = found.begin() + static_cast<std::ptrdiff_t>(found.size() * group / groups);
    const auto end = found.begin() + static_cast<std::ptrdiff_t>(found.size() * (group + 1) / groups);
    cuts_.push_back(*std::min_element(begin, end, [&](const BlockCut& a, const BlockCut& b) {
      return problem_.bytes[static_cast<size_t>(a.tensor)] < problem_.bytes[static_cast<size_t>(b.tensor)];
    }));
  }
  cuts_.push_back({nodes, -1});

  block_of_.assign(problem_.reruns.size(), 0);
  for (size_t node = 0, block = 0; node < block_of_.size(); ++node) {
    while (block + 2 < cuts_.size() && static_cast<int>(node) > cuts_[block + 1].node) ++block;
    block_of_[node] = static_cast<int>(block);
  }
}

/// Measures stretches of `length` blocks, from block `offset` on, side by side: one cut and one remade step for all of them.
void Blocks::measure_stretches(size_t length, size_t offset, double price) {
  const Graph& graph = problem_.graph;
  const size_t blocks = cuts_.size() - 1;
  // Stretch 0 is what lies before `offset`; it is shorter, and measured with another length.
  const auto stretch_of = [&](int block) { return block < static_cast<int>(offset) ? size_t{0} : (static_cast<size_t>(block) - offset) / length + 1; };
  const size_t stretches = stretch_of(static_cast<int>(blocks) - 1) + 1;
  std::vector<bool> held = across_;
  for (size_t i = 1; i + 1 < cuts_.size(); ++i)
    if (i >= offset && (i - offset) % length == 0) held[static_cast<size_t>(cuts_[i].tensor)] = true;
  const std::vector<bool> all(problem_.bytes.size(), true);
  std::vector<bool> needed;
  for (const ForwardTensor& tensor : problem_.pass.tensors) needed.push_back(tensor.read_backward);
  auto keep = std::make_shared<Keep>(priced_choice(problem_, needed, all, held, price).keep);

  const Remade remade = remake(graph, problem_.pass, *keep);
  problem_.live.peak(remade.nodes, remade.copy_of);
  const std::vector<int64_t> profile = problem_.live.profile();
  std::map<std::pair<int, int>, size_t> stretch_at;  // of a layer's part
  for (size_t i = 0; i < block_of_.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.phase == Phase::forward) stretch_at[{node.layer.index, node.part}] = stretch_of(block_of_[i]);
  }
  std::vector<bool> used(keep->size(), false);
  std::vector<int64_t> most(stretches, 0), kept(stretches, 0);
  for (size_t i = 0; i < remade.nodes.size(); ++i) {
    const Node& node = remade.nodes[i];
    const auto at = stretch_at.find({node.layer.index, node.part});
    if (node.phase == Phase::update || at == stretch_at.end()) continue;
    most[at->second] = std::max(most[at->second], profile[i]);
    if (node.phase == Phase::backward)
      for (ValueId input : node.inputs)
        if (const int tensor = problem_.pass.tensor(graph, input); tensor >= 0) used[static_cast<size_t>(tensor)] = true;
  }
  std::vector<double> seconds(stretches, 0);
  const std::vector<bool> made = made_again(problem_, *keep);
  std::vector<bool> counted(problem_.reruns.size(), false);
  for (size_t i = 0; i < keep->size(); ++i) {
    const ForwardTensor& tensor = problem_.pass.tensors[i];
    const size_t stretch = stretch_of(block_of_[static_cast<size_t>(tensor.makers.back())]);
    if ((*keep)[i] && used[i]) kept[stretch] += problem_.bytes[i];
    if (!made[i]) continue;
    for (int maker : tensor.makers)
      if (!counted[static_cast<size_t>(maker)]) {
        counted[static_cast<size_t>(maker)] = true;
        seconds[stretch] += problem_.reruns[static_cast<size_t>(maker)].seconds;
      }
  }
  int64_t before = kept[0];
  for (size_t stretch = 1; stretch < stretches; ++stretch) {
    const size_t from = offset + (stretch - 1) * length, to = std::min(from + length, blocks);
    // Nothing here may read the tensor of the end, but what comes after may.
    const int end = cuts_[to].tensor;
    const int64_t unused = end >= 0 && !used[static_cast<size_t>(end)] ? problem_.bytes[static_cast<size_t>(end)] : 0;
    if (to - from == length) add_way(ways_[from][length - 1], {kept[stretch] + unused, most[stretch] - before, seconds[stretch], keep});
    before += kept[stretch];
  }
}

void Blocks::extend(const std::vector<Label>& from, size_t i, size_t j, int64_t budget, std::vector<Label>& to) const {
  for (const BlockWay& way : ways(i, j))
    for (size_t label = 0; label < from.size(); ++label) {
      if (problem_.persistent + from[label].kept + way.working > budget) break;  // labels are in the order of what they keep
      to.push_back({from[label].kept + way.kept, from[label].seconds + way.seconds, i, label, &way});
    }
}

std::optional<Keep> Blocks::cheapest(int64_t budget) const {
  std::vector<std::vector<Label>> labels(cuts_.size());
  labels[0].push_back({});
  for (size_t j = 1; j < cuts_.size(); ++j) {
    std::vector<Label> found;
    for (size_t i = j > kLongestStretch ? j - kLongestStretch : 0; i < j; ++i) extend(labels[i], i, j, budget, found);
    // Only what no other beats in both; of those, evenly many.
    std::ranges::stable_sort(found, [](const Label& a, const Label& b) { return a.kept != b.kept ? a.kept < b.kept : a.seconds < b.seconds; });
    const int64_t step = std::max<int64_t>(1, budget / static_cast<int64_t>(kMostLabels));
    for (const Label& label : found) {
      std::vector<Label>& kept = labels[j];
      if (!kept.empty() && kept.back().seconds <= label.seconds) continue;
      // Within one step of bytes the cheaper one stays, and the leanest always.
      if (kept.size() > 1 && label.kept / step == kept.back().kept / step) kept.back() = label;
      else kept.push_back(label);
    }
  }
  if (labels.back().empty()) return std::nullopt;
  return assemble(labels);
}

Keep Blocks::assemble(const std::vector<std::vector<Label>>& labels) const {
  Keep keep(problem_.bytes.size(), false);
  // The label with the fewest seconds is the last.
  const Label* at = &labels.back().back();
  for (size_t to = labels.size() - 1; at->way; to = at->from, at = &labels[at->from][at->label]) {
    for (size_t i = 0; i < keep.size(); ++i) {
      const int node = problem_.pass.tensors[i].makers.back();
      if (node > cuts_[at->from].node && node <= cuts_[to].node) keep[i] = (*at->way->keep)[i];
    }
  }
  return keep;
}

}  // namespace netc
