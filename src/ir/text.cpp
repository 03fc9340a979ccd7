#include "ir/text.h"

#include <fmt/format.h>

namespace netc {

namespace {

std::string type_text(const Type& type) {
  return fmt::format("{}{} {}", type.batched ? "N x " : "", shape_text(type.shape), dtype_name(type.dtype));
}

std::string name_list(const Graph& graph, std::span<const ValueId> ids) {
  std::string text;
  for (ValueId id : ids) {
    if (!text.empty()) text += ", ";
    text += id.valid() ? graph[id].name : "-";
  }
  return text;
}

void print_layer(const Graph& graph, LayerId id, std::string& out) {
  const Layer& layer = graph[id];
  fmt::format_to(std::back_inserter(out), "layer {} = {}({})", layer.name, layer.source, name_list(graph, layer.inputs));
  fmt::format_to(std::back_inserter(out), " -> {}: {}", graph[layer.output].name, type_text(graph[layer.output].type));
  for (ValueId param : layer.params) fmt::format_to(std::back_inserter(out), " {}[{}]", graph[param].name, shape_text(graph[param].type.shape));
  for (ValueId state : layer.states) fmt::format_to(std::back_inserter(out), " {}[{}]", graph[state].name, shape_text(graph[state].type.shape));
  if (layer.activation != Activation::none) fmt::format_to(std::back_inserter(out), " then {}", activation_name(layer.activation));
  if (layer.fused_into.valid()) fmt::format_to(std::back_inserter(out), " inside {}", graph[layer.fused_into].name);
  out += '\n';
}

void print_nodes(const Graph& graph, const char* title, const std::vector<Node>& nodes, std::string& out) {
  constexpr std::string_view sections[] = {"begin", "", "update"};
  if (!nodes.empty()) fmt::format_to(std::back_inserter(out), "{}\n", title);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const std::string_view section = sections[static_cast<size_t>(node.section)];
    fmt::format_to(std::back_inserter(out), "  {:>5} {}{}{} <- {}({})", i, section, section.empty() ? "" : ": ", name_list(graph, node.outputs), node.kernel,
                   name_list(graph, node.inputs));
    if (node.continues.valid()) fmt::format_to(std::back_inserter(out), " continuing {}", graph[node.continues].name);
    if (node.slice.count > 1) fmt::format_to(std::back_inserter(out), " slice {} of {}", node.slice.index + 1, node.slice.count);
    out += '\n';
  }
}

}  // namespace

std::string graph_text(const Graph& graph) {
  std::string out = fmt::format("net {}\ninput {}: {}\n", graph.name, graph[graph.input].name, type_text(graph[graph.input].type));
  if (graph.order.empty())
    for (size_t i = 0; i < graph.layers.size(); ++i) print_layer(graph, LayerId{static_cast<int32_t>(i)}, out);
  for (LayerId id : graph.order) print_layer(graph, id, out);
  print_nodes(graph, "training step", graph.nodes, out);
  print_nodes(graph, "evaluation", graph.evaluation, out);
  return out;
}

}  // namespace netc
