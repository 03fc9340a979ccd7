#include "passes/slice.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "passes/updates.h"
#include "plan/lifetimes.h"

namespace netc {

/// Writes one run, slice by slice.
class RunCutter {
 public:
  RunCutter(const Slicing& from, const SliceRun& run, int64_t batch, Sliced& made)
      : from_(from), graph_(from.graph_), run_(run), batch_(batch), made_(made) {}

  bool cut() {
    for (slice_ = {0, run_.count}; slice_.index < run_.count; ++slice_.index) {
      piece_of_.clear();
      for (node_ = run_.first; node_ < run_.last; ++node_) {
        const Node& node = from_.nodes_[static_cast<size_t>(node_)];
        if (!from_.can(node_) || !(from_.batched(node) ? cut(node) : once(node))) return false;
      }
    }
    for (int node : deferred_) push(from_.nodes_[static_cast<size_t>(node)], node);
    return true;
  }

 private:
  void push(Node node, int origin) {
    made_.nodes.push_back(std::move(node));
    made_.origin.push_back(origin);
  }

  /// Only the run touches it.
  bool inside(ValueId storage) const {
    return graph_[storage].type.batched && !lives_always(graph_[storage].kind, true) && from_.first_[storage.at()] >= run_.first &&
           from_.last_[storage.at()] < run_.last;
  }

  ValueId new_piece(ValueId of, Slice slice) {
    made_.pieces.push_back({of, slice});
    return ValueId{static_cast<int32_t>(graph_.values.size() + made_.pieces.size() - 1)};
  }

  ValueId operand(ValueId id) {
    if (!id.valid()) return id;
    const ValueId storage = from_.storage(id);
    if (!inside(storage)) return id;
    const auto known = std::ranges::find(piece_of_, storage, &std::pair<ValueId, ValueId>::first);
    if (known != piece_of_.end()) return known->second;
    piece_of_.emplace_back(storage, new_piece(storage, slice_));
    return piece_of_.back().second;
  }

  bool waited_for(ValueId id) const { return id.valid() && sums_.contains(from_.storage(id).index); }

  /// A call without an operand of the batch. What needs a gradient that is still being summed, and any update (a later slice may read the
  /// parameter), waits for the end of the run.
  bool once(const Node& node) {
    if (slice_.index > 0) return true;
    const auto waits = [&](ValueId id) { return waited_for(id); };
    if (node.phase == Phase::update || std::ranges::any_of(node.inputs, waits) || std::ranges::any_of(node.outputs, waits)) {
      for (ValueId output : node.outputs)
        if (output.valid()) sums_.insert(from_.storage(output).index);
      deferred_.push_back(node_);
    } else {
      push(node, node_);
    }
    return true;
  }

  bool cut(const Node& node) {
    Node part = node;
    part.slice = slice_;
    for (ValueId& input : part.inputs) {
      if (waited_for(input) && slice_.index == 0) return false;
      input = operand(input);
    }
    std::vector<Node> sums;
    for (ValueId& output : part.outputs)
      if (output.valid() && !write(node, output, sums)) return false;
    if (node.continues.valid()) {
      if (!inside(from_.storage(node.continues)) || !inside(from_.storage(node.outputs[0]))) return false;
      part.continues = operand(node.continues);
    }
    if (part.in_place) part.in_place_input = in_place_input(part);
    part.in_place = part.in_place && part.in_place_input >= 0;
    if (slice_.index == 0 && !slice_fault(graph_, part_of_the_whole(node), from_.storage_, batch_).empty()) return false;
    push(std::move(part), node_);
    for (Node& sum : sums) push(std::move(sum), node_);
    return true;
  }

  /// Puts the value of this slice in place of `output`.
  bool write(const Node& node, ValueId& output, std::vector<Node>& sums) {
    const Value& value = graph_[from_.storage(output)];
    if (value.type.batched) {
      output = operand(output);
      return true;
    }
    if (value.kind != ValueKind::gradient) return false;
    sums_.insert(from_.storage(output).index);
    if (node.adds || slice_.index == 0) return true;
    const ValueId sum = output;
    output = new_piece(from_.storage(output), slice_);
    sums.push_back(accumulate(node.layer, value.type, sum, output, "the sum over slices of the batch"));
    return true;
  }

  /// The input whose bytes outputs[0] may take: it holds as many samples. -1 if none.
  int in_place_input(const Node& part) const {
    const auto same = [&](size_t i) {
      return part.inputs[i].valid() && part.outputs[0].valid() && is_piece(part.inputs[i]) == is_piece(part.outputs[0]);
    };
    if (part.in_place_input >= 0) return same(static_cast<size_t>(part.in_place_input)) ? part.in_place_input : -1;
    for (size_t i = 0; i < part.inputs.size(); ++i)
      if (same(i)) return static_cast<int>(i);
    return -1;
  }

  bool is_piece(ValueId id) const { return id.at() >= graph_.values.size(); }

  /// The node as it was, but for operands that will be pieces: for these no batch is at fault.
  Node part_of_the_whole(const Node& node) const {
    Node whole = node;
    whole.slice = slice_;
    for (auto* operands : {&whole.outputs, &whole.inputs})
      for (ValueId& id : *operands)
        if (id.valid() && inside(from_.storage(id))) id = {};
    return whole;
  }

  const Slicing& from_;
  const Graph& graph_;
  const SliceRun& run_;
  const int64_t batch_;
  Sliced& made_;
  Slice slice_;
  int node_ = 0;
  std::vector<std::pair<ValueId, ValueId>> piece_of_;  ///< of this slice: storage and what stands for it
  std::set<int> sums_;           ///< storages that are complete only after the run
  std::vector<int> deferred_;    ///< nodes that wait for it
};

Slicing::Slicing(const Graph& graph, std::span<const Node> nodes, std::span<const std::pair<ValueId, ValueId>> aliases)
    : graph_(graph), nodes_(nodes), storage_(storages(graph, aliases)), first_(graph.values.size(), -1), last_(graph.values.size(), -1) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto touch = [&](ValueId id) {
      if (!id.valid()) return;
      const size_t at = storage(id).at();
      if (first_[at] < 0) first_[at] = static_cast<int>(i);
      last_[at] = static_cast<int>(i);
    };
    std::ranges::for_each(nodes[i].outputs, touch);
    std::ranges::for_each(nodes[i].inputs, touch);
    touch(nodes[i].continues);
  }
}

bool Slicing::batched(const Node& node) const {
  const auto whole = [&](ValueId id) { return id.valid() && graph_[id].type.batched; };
  return std::ranges::any_of(node.outputs, whole) || std::ranges::any_of(node.inputs, whole);
}

bool Slicing::can(int node) const {
  const Node& each = nodes_[static_cast<size_t>(node)];
  return each.section == Section::micro && each.slice.count == 1 && !each.mixes_samples;
}

std::optional<Sliced> Slicing::cut(std::span<const SliceRun> runs, int64_t batch) const {
  Sliced made;
  made.nodes.reserve(2 * nodes_.size());
  int next = 0;
  const auto copy_until = [&](int end) {
    for (; next < end; ++next) {
      made.nodes.push_back(nodes_[static_cast<size_t>(next)]);
      made.origin.push_back(next);
    }
  };
  for (const SliceRun& run : runs) {
    copy_until(run.first);
    if (!RunCutter(*this, run, batch, made).cut()) return std::nullopt;
    next = run.last;
  }
  copy_until(static_cast<int>(nodes_.size()));
  return made;
}

void apply(Graph& graph, std::vector<Node> Graph::*step, Sliced sliced) {
  for (const Piece& piece : sliced.pieces) {
    Value value = graph[piece.of];
    value.name = fmt::format("{}.slice{}", value.name, piece.slice.index + 1);
    value.same_as = {};
    if (value.type.batched) value.slices = piece.slice.count;
    graph.add(std::move(value));
  }
  graph.*step = std::move(sliced.nodes);
}

}  // namespace netc
