#include "passes/differentiate.h"

#include <fmt/format.h>

#include "passes/kept.h"
#include "passes/lowering.h"
#include "passes/updates.h"
#include "support/check.h"

namespace netc {

namespace {

/// One forward call and the way its op was chosen to run.
struct Part {
  LayerId layer;
  int part = 0;
  Alternative way;
  Binding binding;
};

class Differentiation {
 public:
  explicit Differentiation(Graph& graph) : graph_(graph), updates_(graph) {}

  void run() {
    flows_ = gradient_flows(graph_);
    make_parts();
    emit_forward();
    gradient_.resize(graph_.values.size());
    start_from_loss();
    for (size_t i = parts_.size(); i-- > 0;) {
      backward(parts_[i]);
      if (parts_[i].part == 0) updates_.layer_done(parts_[i].layer);
    }
    updates_.finish();
  }

 private:
  /// Creates the values between parts, then chooses ways from the last part to the first, so that when an op may choose to
  /// keep its output, all readers of that output have chosen before it.
  void make_parts() {
    for (LayerId id : graph_.order) {
      const int parts = part_count(graph_, graph_[id]);
      ValueId prev;
      for (int part = 0; part < parts; ++part) {
        Part made{id, part, {}, {}};
        made.binding.prev = prev;
        made.binding.y = prev = part_output(graph_, id, part, parts);
        parts_.push_back(std::move(made));
      }
      if (parts > 0)
        for (ValueId param : graph_[id].params) updates_.count_use(param);
    }
    flows_.resize(graph_.values.size(), true);
    choose_ways();
  }

  void choose_ways() {
    std::vector<bool> kept(graph_.values.size(), false);
    std::vector<std::vector<Alternative>> ways;
    std::vector<Shape> shapes;
    for (const Part& part : parts_) {
      const Layer& layer = graph_[part.layer];
      ways.push_back(lower(layer, part.part, shapes));
      if (ways.back().size() == 1 && !layer.op->is_loss) mark_kept(graph_, ways.back()[0], values_of(part), flows_, kept);
      if (layer.activation != Activation::none && layer.op->fuse_activation == FuseActivation::by_output) kept[graph_.storage(layer.output).at()] = true;
    }
    for (size_t i = parts_.size(); i-- > 0;) {
      const size_t which = graph_[parts_[i].layer].op->is_loss ? 0 : choose(graph_, ways[i], values_of(parts_[i]), flows_, kept);
      parts_[i].way = std::move(ways[i][which]);
    }
  }

  LayerValues values_of(const Part& part) const { return {graph_[part.layer], part.binding.y, part.binding.prev}; }

  std::vector<Alternative> lower(const Layer& layer, int part, std::vector<Shape>& shapes) {
    LayerInfo info = graph_.info(layer, shapes, part);
    info.layer_index = static_cast<int>(&layer - graph_.layers.data());
    std::vector<Alternative> ways = layer.op->lower(info);
    for (Alternative& way : ways) count_flops(*layer.op, info, way);
    return ways;
  }

  void emit_forward() {
    for (Part& part : parts_) {
      Layer& layer = graph_[part.layer];
      for (const AuxSpec& spec : part.way.aux) {
        Value value;
        value.name = fmt::format("{}.{}", layer.name, spec.suffix);
        value.type = spec.type;
        value.kind = ValueKind::aux;
        value.layer = part.layer;
        value.what = spec.what;
        part.binding.aux.push_back(graph_.add(std::move(value)));
      }
      Node node = make_node(graph_, part.layer, part.part, Phase::forward, part.way.forward, part.binding);
      if (layer.op->is_loss)
        for (Field& field : node.desc.fields.own())
          if (field.name == "micro_steps") field.integer = graph_.train.micro_steps;
      if (part.way.again)
        graph_.again.emplace(std::pair(part.layer, part.part), make_node(graph_, part.layer, part.part, Phase::backward, *part.way.again, part.binding));
      graph_.nodes.push_back(std::move(node));
    }
  }

  void start_from_loss() {
    const Layer& loss = graph_[graph_.loss];
    gradient_[graph_.storage(loss.inputs[0]).at()] = loss.output;
    graph_[loss.output].kind = ValueKind::activation_gradient;
  }

  void backward(Part& part) {
    Layer& layer = graph_[part.layer];
    if (layer.op->is_loss) return;
    const ValueId y = graph_.storage(part.binding.y);
    if (!flows_[y.at()] || !gradient_of(y).valid()) return;
    part.binding.dy = gradient_of(y);
    undo_activation(part, layer);
    const LayerValues at = values_of(part);
    for (const KernelCall& call : part.way.backward) {
      if (!needed(graph_, call, at, flows_)) continue;
      if (call.kernel.empty())
        pass_through(call, part);
      else
        emit(call, part);
    }
  }

  /// A fused activation that the op's own backward calls do not undo: its gradient is taken from the output first.
  void undo_activation(Part& part, const Layer& layer) {
    if (layer.activation == Activation::none || layer.op->fuse_activation != FuseActivation::by_output) return;
    if (part.binding.y != layer.output) return;  // the activation belongs to the last part
    Node node;
    node.layer = part.layer;
    node.part = part.part;
    node.phase = Phase::backward;
    node.kernel = "act_backward_from_output";
    const ValueId dx = gradient_value(part, fmt::format("{}.dact", layer.name), part.binding.y);
    const int64_t count = elements(graph_[part.binding.y].type.shape).value();
    node.outputs = {dx};
    node.inputs = {part.binding.y, part.binding.dy};
    node.in_place = true;
    node.in_place_input = 1;
    node.desc.type = "ActDesc";
    node.desc.add_per_sample("count", count).add_activation(layer.activation, layer.alpha);
    node.work.flops = count * activation_flops(layer.activation);
    node.purpose = "the gradient of the activation";
    graph_.nodes.push_back(std::move(node));
    part.binding.dy = dx;
  }

  ValueId gradient_value(const Part& part, std::string name, ValueId like) {
    Value value;
    value.name = std::move(name);
    value.type = graph_[like].type;
    value.kind = ValueKind::activation_gradient;
    value.layer = part.layer;
    return graph_.add(std::move(value));
  }

  ValueId gradient_of(ValueId storage) const { return storage.at() < gradient_.size() ? gradient_[storage.at()] : ValueId{}; }

  void pass_through(const KernelCall& call, Part& part) {
    const Operand& to = call.outputs[0];
    const Layer& layer = graph_[part.layer];
    const ValueId target = to.kind == Operand::Kind::dprev ? part.binding.prev : layer.inputs[static_cast<size_t>(to.index)];
    if (flows_[graph_.storage(target).at()]) contribute(target, part.binding.dy, part);
  }

  void emit(const KernelCall& call, Part& part) {
    const Layer& layer = graph_[part.layer];
    part.binding.dx.assign(layer.inputs.size(), ValueId{});
    part.binding.dparam.assign(layer.params.size(), ValueId{});
    part.binding.dprev = {};
    for (const Operand& out : call.outputs) {
      const auto index = static_cast<size_t>(out.index);
      if (out.kind == Operand::Kind::dx && flows_[graph_.storage(layer.inputs[index]).at()])
        part.binding.dx[index] = gradient_value(part, fmt::format("{}.dx{}", graph_[part.layer].name, index ? fmt::to_string(index) : ""), graph_[part.layer].inputs[index]);
      if (out.kind == Operand::Kind::dprev)
        part.binding.dprev = gradient_value(part, fmt::format("{}.grad", graph_[part.binding.prev].name), part.binding.prev);
      if (out.kind == Operand::Kind::dparam && index < graph_[part.layer].params.size()) {
        const ValueId parameter = graph_[part.layer].params[index];
        part.binding.dparam[index] = call.adds ? updates_.sum_for(part.layer, parameter) : updates_.new_gradient(parameter);
      }
    }
    graph_.nodes.push_back(make_node(graph_, part.layer, part.part, Phase::backward, call, part.binding));
    const std::vector<ValueId> dx = part.binding.dx, dparam = part.binding.dparam;
    if (part.binding.dprev.valid()) contribute(part.binding.prev, part.binding.dprev, part);
    for (size_t i = 0; i < dx.size(); ++i)
      if (dx[i].valid()) contribute(graph_[part.layer].inputs[i], dx[i], part);
    for (size_t i = 0; i < dparam.size(); ++i)
      if (dparam[i].valid() && !call.adds) updates_.contribute(part.layer, graph_[part.layer].params[i], dparam[i]);
  }

  /// Adds `gradient` to what is known of the gradient of `target`.
  void contribute(ValueId target, ValueId gradient, const Part& part) {
    const ValueId storage = graph_.storage(target);
    if (storage.at() >= gradient_.size()) gradient_.resize(storage.at() + 1);
    ValueId& known = gradient_[storage.at()];
    if (!known.valid()) {
      known = gradient;
      return;
    }
    Node node;
    node.layer = part.layer;
    node.part = part.part;
    node.phase = Phase::backward;
    node.kernel = "add_forward";
    const ValueId sum = gradient_value(part, fmt::format("{}.dsum", graph_[storage].name), storage);
    node.outputs = {sum};
    node.inputs = {gradient_[storage.at()], gradient};
    node.in_place = true;
    node.in_place_input = -1;
    node.desc.type = "AddDesc";
    node.work.flops = elements(graph_[storage].type.shape).value();
    node.desc.add_per_sample("count", node.work.flops).add_activation(Activation::none, 0);
    node.purpose = "the sum of gradients";
    graph_.nodes.push_back(std::move(node));
    gradient_[storage.at()] = sum;
  }

  Graph& graph_;
  Updates updates_;
  std::vector<bool> flows_;
  std::vector<Part> parts_;
  std::vector<ValueId> gradient_;  ///< by storage
};

}  // namespace

void differentiate(Graph& graph) {
  NETC_CHECK(graph.loss.valid(), "a network without a loss has no gradients");
  Differentiation(graph).run();
}

void lower_evaluation(Graph& graph) {
  std::vector<Shape> shapes;
  for (LayerId id : graph.order) {
    const int parts = part_count(graph, graph[id]);
    ValueId prev;
    for (int part = 0; part < parts; ++part) {
      Binding binding;
      binding.prev = prev;
      binding.y = prev = part_output(graph, id, part, parts);
      const Layer& layer = graph[id];
      LayerInfo info = graph.info(layer, shapes, part);
      info.layer_index = id.index;
      Alternative way{layer.op->evaluate ? layer.op->evaluate(info) : layer.op->lower(info)[0].forward, {}, {}};
      count_flops(*layer.op, info, way);
      Node node = make_node(graph, id, part, Phase::forward, way.forward, binding);
      if (node.kernel.empty())
        graph.evaluation_aliases.emplace_back(binding.y, node.inputs[0]);
      else
        graph.evaluation.push_back(std::move(node));
    }
  }
}

}  // namespace netc
