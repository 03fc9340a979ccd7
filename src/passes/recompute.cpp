#include "passes/recompute.h"

#include <fmt/format.h>

#include <algorithm>

#include "support/check.h"

namespace netc {

namespace {

bool of_the_forward_pass(ValueKind kind) { return kind == ValueKind::activation || kind == ValueKind::aux; }

/// Builds ForwardPass.
class Forward {
 public:
  explicit Forward(const Graph& graph) : graph_(graph) { pass_.tensor_of.assign(graph.values.size(), -1); }

  ForwardPass run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[i].phase == Phase::forward) add(static_cast<int>(i)), pass_.forward_nodes = static_cast<int>(i) + 1;
    for (const Node& node : graph_.nodes)
      if (node.phase == Phase::backward)
        for (ValueId input : node.inputs)
          if (const int tensor = pass_.tensor(graph_, input); tensor >= 0) pass_.tensors[static_cast<size_t>(tensor)].read_backward = true;
    return std::move(pass_);
  }

 private:
  void add(int index) {
    const Node& node = graph_.nodes[static_cast<size_t>(index)];
    const bool by_another = graph_.again.contains({node.layer, node.part});
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId output = node.outputs[i];
      if (!output.valid() || !of_the_forward_pass(graph_[output].kind)) continue;
      int tensor = i == 0 && node.continues.valid() ? pass_.tensor(graph_, node.continues) : pass_.tensor(graph_, output);
      if (tensor < 0) {
        tensor = static_cast<int>(pass_.tensors.size());
        pass_.tensors.emplace_back();
      }
      ForwardTensor& made = pass_.tensors[static_cast<size_t>(tensor)];
      made.value = graph_.storage(output);
      if (made.makers.empty() || made.makers.back() != index) made.makers.push_back(index);
      made.must_keep = made.must_keep || (i > 0 && by_another);
      pass_.tensor_of[made.value.at()] = tensor;
    }
  }

  const Graph& graph_;
  ForwardPass pass_;
};

/// Writes the step anew.
class Remaking {
 public:
  Remaking(const Graph& graph, const ForwardPass& pass, const std::vector<bool>& keep) : graph_(graph), pass_(pass), keep_(keep) {
    wanted_.assign(pass.tensors.size(), false);
    copied_.assign(graph.nodes.size(), false);
    copies_.assign(graph.values.size(), ValueId{});
  }

  Remade run() {
    for (const Node& node : graph_.nodes)
      if (node.phase == Phase::backward) want(node);
    made_.nodes.reserve(graph_.nodes.size() + graph_.nodes.size() / 2);
    for (const Node& node : graph_.nodes) {
      if (node.phase == Phase::backward && reads_dropped(node)) {
        make_again(node);
        made_.nodes.push_back(with_copies(node));
      } else {
        made_.nodes.push_back(node);
      }
    }
    return std::move(made_);
  }

 private:
  bool dropped(ValueId value) const {
    const int tensor = pass_.tensor(graph_, value);
    return tensor >= 0 && !keep_[static_cast<size_t>(tensor)];
  }

  bool reads_dropped(const Node& node) const {
    return std::ranges::any_of(node.inputs, [&](ValueId input) { return dropped(input); });
  }

  /// Calls `visit(tensor)` for each tensor that must be made again, directly or on the way, for `node` to read what it reads.
  template <class Visit>
  void closure(const Node& node, Visit visit) {
    const auto push = [&](const Node& reader) {
      for (ValueId input : reader.inputs)
        if (dropped(input)) waiting_.push_back(pass_.tensor(graph_, input));
    };
    push(node);
    while (!waiting_.empty()) {
      const int tensor = waiting_.back();
      waiting_.pop_back();
      if (!visit(tensor)) continue;
      for (int maker : pass_.tensors[static_cast<size_t>(tensor)].makers) push(again(graph_, maker));
    }
  }

  /// Marks what is ever made again: a call that runs again then writes all of it.
  void want(const Node& node) {
    closure(node, [&](int tensor) -> bool {
      if (wanted_[static_cast<size_t>(tensor)]) return false;
      NETC_CHECK(!pass_.tensors[static_cast<size_t>(tensor)].must_keep, "a tensor is dropped that cannot be made again");
      return wanted_[static_cast<size_t>(tensor)] = true;
    });
  }

  void make_again(const Node& reader) {
    std::vector<int> makers;
    closure(reader, [&](int tensor) -> bool {
      const std::vector<int>& of = pass_.tensors[static_cast<size_t>(tensor)].makers;
      // Whoever was made before has all it needs.
      if (copied_[static_cast<size_t>(of.back())]) return false;
      for (int maker : of) copied_[static_cast<size_t>(maker)] = true;
      makers.insert(makers.end(), of.begin(), of.end());
      return true;
    });
    std::ranges::sort(makers);
    for (int maker : makers) made_.nodes.push_back(copy(maker));
  }

  Node copy(int maker) {
    const Node& first = graph_.nodes[static_cast<size_t>(maker)];
    Node node = with_copies(again(graph_, maker));
    node.phase = Phase::backward;
    node.purpose = "the second run";
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const int tensor = pass_.tensor(graph_, first.outputs[i]);
      const bool wanted = tensor >= 0 && wanted_[static_cast<size_t>(tensor)];
      // The layer's own output is always written; an aux output only where it is wanted.
      const bool written = wanted || (tensor >= 0 && graph_[first.outputs[i]].kind == ValueKind::activation);
      node.outputs[i] = written ? copy_of(graph_.storage(first.outputs[i])) : ValueId{};
    }
    node.in_place = node.in_place && node.outputs[0].valid();
    if (first.continues.valid()) node.continues = copy_of(graph_.storage(first.continues));
    return node;
  }

  Node with_copies(const Node& node) {
    Node with = node;
    for (ValueId& input : with.inputs)
      if (dropped(input)) input = copy_of(graph_.storage(input));
    return with;
  }

  ValueId copy_of(ValueId storage) {
    ValueId& copy = copies_[storage.at()];
    if (copy.valid()) return copy;
    copy = ValueId{static_cast<int32_t>(graph_.values.size() + made_.copy_of.size())};
    made_.copy_of.push_back(storage);
    return copy;
  }

  const Graph& graph_;
  const ForwardPass& pass_;
  const std::vector<bool>& keep_;
  std::vector<bool> wanted_;       ///< by tensor: made again at some moment
  std::vector<bool> copied_;       ///< by node
  std::vector<ValueId> copies_;    ///< by storage
  std::vector<int> waiting_;
  Remade made_;
};

}  // namespace

const Node& again(const Graph& graph, int node) {
  const Node& first = graph.nodes[static_cast<size_t>(node)];
  const auto other = graph.again.find({first.layer, first.part});
  return other == graph.again.end() ? first : other->second;
}

ForwardPass forward_pass(const Graph& graph) { return Forward(graph).run(); }

Remade remake(const Graph& graph, const ForwardPass& pass, const std::vector<bool>& keep) { return Remaking(graph, pass, keep).run(); }

std::vector<bool> keep_all(const ForwardPass& pass) {
  std::vector<bool> keep;
  for (const ForwardTensor& tensor : pass.tensors) keep.push_back(tensor.read_backward || tensor.must_keep);
  return keep;
}

std::vector<bool> labelled(const Graph& graph, const ForwardPass& pass, const std::vector<LabelledLayers>& labels) {
  std::vector<bool> marked(pass.tensors.size(), false);
  for (const LabelledLayers& label : labels) {
    const int left = pass.tensor(graph, label.value);
    for (size_t i = 0; i < marked.size(); ++i) {
      const int layer = graph[pass.tensors[i].value].layer.index;
      const bool inside = layer >= label.first && layer < label.first + label.count && static_cast<int>(i) != left;
      if ((inside || (label.count == 1 && static_cast<int>(i) == left)) && !pass.tensors[i].must_keep) marked[i] = true;
    }
  }
  return marked;
}

void recompute_labelled(Graph& graph) {
  if (graph.train.recompute.empty()) return;
  const ForwardPass pass = forward_pass(graph);
  const std::vector<bool> marked = labelled(graph, pass, graph.train.recompute);
  std::vector<bool> keep = keep_all(pass);
  for (size_t i = 0; i < keep.size(); ++i) keep[i] = keep[i] && !marked[i];
  recompute(graph, pass, keep);
}

void recompute(Graph& graph, const ForwardPass& pass, const std::vector<bool>& keep) {
  Remade made = remake(graph, pass, keep);
  for (ValueId of : made.copy_of) {
    Value copy = graph[of];
    copy.name += ".again";
    copy.same_as = {};
    graph.add(std::move(copy));
  }
  graph.nodes = std::move(made.nodes);
  graph.again.clear();
}

}  // namespace netc
