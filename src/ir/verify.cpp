#include "ir/verify.h"

#include <fmt/format.h>

namespace netc {

namespace {

constexpr size_t kMost = 20;

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph) {}

  std::vector<std::string> run() {
    for (size_t i = 0; i < graph_.values.size(); ++i) value(i);
    if (!found_.empty()) return found_;  // following ids that lead nowhere would crash
    order();
    nodes(graph_.nodes, {}, "training step");
    nodes(graph_.evaluation, graph_.evaluation_aliases, "evaluation");
    return found_;
  }

 private:
  template <class... Args>
  void wrong(fmt::format_string<Args...> format, Args&&... args) {
    if (found_.size() < kMost) found_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  bool known(ValueId id) const { return id.valid() && id.at() < graph_.values.size(); }

  void value(size_t i) {
    const Value& value = graph_.values[i];
    if (value.same_as.valid() && (!known(value.same_as) || value.same_as.at() == i)) wrong("value {} names bytes that do not exist", value.name);
    if (value.layer.valid() && value.layer.at() >= graph_.layers.size()) wrong("value {} belongs to a layer that does not exist", value.name);
    if (!elements(value.type.shape).ok()) wrong("value {} has a size that overflows", value.name);
  }

  void order() {
    if (graph_.order.empty()) return;
    std::vector<bool> ran(graph_.layers.size(), false), made(graph_.values.size(), false);
    if (graph_.order.size() != graph_.layers.size()) wrong("the order has {} layers of {}", graph_.order.size(), graph_.layers.size());
    made[graph_.storage(graph_.input).at()] = true;
    for (LayerId id : graph_.order) {
      if (!id.valid() || id.at() >= ran.size() || ran[id.at()]) {
        wrong("the order names a layer twice or one that does not exist");
        continue;
      }
      ran[id.at()] = true;
      const Layer& layer = graph_[id];
      if (layer.fused_into.valid()) continue;
      for (ValueId input : layer.inputs)
        if (!known(input) || !made[graph_.storage(input).at()]) wrong("layer {} runs before its input is made", layer.name);
      if (known(layer.output)) made[graph_.storage(layer.output).at()] = true;
      else wrong("layer {} has no output", layer.name);
    }
  }

  bool lives_always(ValueKind kind) const {
    switch (kind) {
      case ValueKind::input:
      case ValueKind::label:
      case ValueKind::parameter:
      case ValueKind::state:
      case ValueKind::optimizer:
      case ValueKind::metrics: return true;
      default: return false;
    }
  }

  void nodes(const std::vector<Node>& nodes, const std::vector<std::pair<ValueId, ValueId>>& aliases, const char* which) {
    std::vector<ValueId> alias(graph_.values.size());
    for (const auto& [name, of] : aliases) alias[name.at()] = of;
    std::vector<bool> made(graph_.values.size(), false);
    for (size_t i = 0; i < made.size(); ++i) made[i] = lives_always(graph_.values[i].kind);
    for (const Node& node : nodes) {
      if (node.kernel.empty()) wrong("a node of the {} calls no kernel", which);
      for (ValueId input : node.inputs) {
        if (!input.valid()) continue;
        ValueId at = graph_.storage(input);
        while (alias[at.at()].valid()) at = graph_.storage(alias[at.at()]);
        if (!made[at.at()]) wrong("{} of {} reads {} before it is written ({})", node.kernel, graph_[node.layer].name, graph_[input].name, which);
      }
      for (ValueId output : node.outputs)
        if (output.valid()) made[graph_.storage(output).at()] = true;
    }
  }

  const Graph& graph_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> verify(const Graph& graph) { return Verifier(graph).run(); }

}  // namespace netc
