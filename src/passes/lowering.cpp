#include "passes/lowering.h"

#include <fmt/format.h>

#include <algorithm>

namespace netc {

ValueId bind(const Graph& graph, const Layer& layer, const Operand& operand, const Binding& binding) {
  const auto index = static_cast<size_t>(operand.index);
  const auto pick = [&](const std::vector<ValueId>& list) { return index < list.size() ? list[index] : ValueId{}; };
  switch (operand.kind) {
    case Operand::Kind::none: return {};
    case Operand::Kind::x: return pick(layer.inputs);
    case Operand::Kind::y: return binding.y;
    case Operand::Kind::prev: return binding.prev;
    case Operand::Kind::dprev: return binding.dprev;
    case Operand::Kind::param: return pick(layer.params);
    case Operand::Kind::state: return pick(layer.states);
    case Operand::Kind::aux: return pick(binding.aux);
    case Operand::Kind::dx: return pick(binding.dx);
    case Operand::Kind::dy: return binding.dy;
    case Operand::Kind::dparam: return pick(binding.dparam);
    case Operand::Kind::label: return graph.label;
    case Operand::Kind::metrics: return graph.metrics;
  }
  return {};
}

Node make_node(const Graph& graph, LayerId layer, int part, Phase phase, const KernelCall& call, const Binding& binding) {
  Node node;
  node.layer = layer;
  node.part = part;
  node.phase = phase;
  node.kernel = call.kernel;
  for (const Operand& operand : call.outputs) node.outputs.push_back(bind(graph, graph[layer], operand, binding));
  for (const Operand& operand : call.inputs) node.inputs.push_back(bind(graph, graph[layer], operand, binding));
  node.desc = call.desc;
  node.in_place = call.in_place;
  node.in_place_input = call.in_place_input;
  if (call.must_alias) node.continues = binding.prev;
  node.workspace = call.workspace;
  node.purpose = call.purpose;
  node.work = call.work;
  node.adds = call.adds;
  node.mixes_samples = call.mixes_samples;
  return node;
}

ValueId part_output(Graph& graph, LayerId id, int part, int parts) {
  const Layer& layer = graph[id];
  if (part + 1 == parts) return layer.output;
  Value value;
  if (layer.op->between != nullptr) {
    std::vector<Shape> shapes;
    PartSpec spec = layer.op->between(graph.info(layer, shapes, part));
    value.name = fmt::format("{}.{}", layer.name, spec.suffix);
    value.type = {DType::f32, std::move(spec.shape), true};
  } else {
    value.name = fmt::format("{}.part{}", layer.name, part);
    value.type = graph[layer.output].type;
  }
  value.layer = id;
  return graph.add(std::move(value));
}

void count_flops(const OpDef& op, const LayerInfo& info, Alternative& way) {
  const int64_t count = elements(info.output).value();
  const bool last = op.parts == nullptr || info.part + 1 == op.parts(info);
  const int64_t own = op.other_flops != nullptr ? op.other_flops(info).value() : count;
  const int64_t activation = last ? (Size(count) * Size(activation_flops(info.activation))).value() : 0;
  way.forward.work.flops = own + activation;
  if (way.again) {
    way.again->work.macs = way.forward.work.macs;
    way.again->work.flops = way.forward.work.flops;
  }
  const auto any = [](const Few<Operand, 4>& operands, Operand::Kind kind) {
    return std::any_of(operands.begin(), operands.end(), [&](const Operand& each) { return each.kind == kind; });
  };
  for (KernelCall& call : way.backward) {
    const bool only_product = call.work.macs > 0 && any(call.inputs, Operand::Kind::param) && !any(call.outputs, Operand::Kind::dparam);
    if (call.kernel.empty() || only_product) continue;
    call.work.flops = own + (op.fuse_activation == FuseActivation::whole ? activation : 0);
  }
}

}  // namespace netc
