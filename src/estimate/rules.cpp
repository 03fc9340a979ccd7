#include "estimate/rules.h"

#include <fmt/format.h>

#include "estimate/units.h"

namespace netc {

namespace {

/// What the rules add up, in values; activations are those of one sample.
struct Counts {
  Size input = 0;
  Size tables = 0;       ///< outputs of the layers that tables of networks list
  Size modules = 0;      ///< outputs of all layers
  Size with_params = 0;  ///< outputs of layers that have parameters
  Size parameters = 0, states = 0;
};

/// Whether tables of networks leave the layer out: activations and others that may work in place (dropout), views, the loss.
bool left_out(const Graph& graph, const Layer& layer) {
  if (layer.op->is_loss || layer.op->activation) return true;
  std::vector<Shape> shapes;
  const LayerInfo info = graph.info(layer, shapes);
  if (layer.op->parts && layer.op->parts(info) == 0) return true;
  if (!layer.params.empty() || layer.inputs.size() != 1 || !layer.op->lower.value) return false;
  const std::vector<Alternative> ways = layer.op->lower.value(info);
  return !ways.empty() && ways.front().forward.in_place;
}

Counts count(const Graph& graph) {
  Counts counts;
  if (graph.input.valid()) counts.input = elements(graph[graph.input].type.shape);
  for (const Layer& layer : graph.layers) {
    if (layer.op->is_loss || !layer.output.valid()) continue;
    const Size output = elements(!layer.shape.empty() ? layer.shape : graph[layer.output].type.shape);
    counts.modules = counts.modules + output;
    if (!left_out(graph, layer)) counts.tables = counts.tables + output;
    if (!layer.params.empty()) counts.with_params = counts.with_params + output;
  }
  for (const Value& value : graph.values) {
    if (value.same_as.valid()) continue;
    if (value.kind == ValueKind::parameter) counts.parameters = counts.parameters + elements(value.type.shape);
    if (value.kind == ValueKind::state) counts.states = counts.states + elements(value.type.shape);
  }
  return counts;
}

Rule rule(std::string id, std::string name, std::string source, std::string leaves_out, Size values) {
  return {std::move(id), std::move(name), std::move(source), std::move(leaves_out), values.value(), (values * Size(4)).value()};
}

}  // namespace

std::vector<Rule> rules_of_thumb(const Graph& graph, int64_t batch) {
  const Counts c = count(graph);
  const Size n = batch, forward = c.input + c.tables;
  const std::string cs231n = "Stanford CS231n, notes on convolutional networks", common = "common advice";
  return {
      rule("forward_image", "activations of the forward pass, one sample", cs231n,
           "parameters, gradients, the optimiser, the backward pass, the batch", forward),
      rule("forward_batch", "activations of the forward pass, the batch", cs231n, "parameters, gradients, the optimiser, the backward pass",
           n * forward),
      rule("forward_x2", "that x 2 for the backward pass", cs231n, "parameters and optimiser (but counts gradients that never live together)",
           Size(2) * n * forward),
      rule("forward_x3", "that x 3 for the backward pass", common, "parameters and optimiser (but counts gradients that never live together)",
           Size(3) * n * forward),
      rule("parameters_x3", "parameters x 3: weights, gradients, momentum", cs231n, "all activations; no optimiser but momentum",
           Size(3) * c.parameters),
      rule("torchinfo", "input + 2 x outputs of layers with parameters + parameters", "torchinfo, \"Estimated Total Size\"",
           "outputs of other layers, optimiser, gradients of parameters, workspaces", n * c.input + Size(2) * n * c.with_params + c.parameters),
      rule("torchsummary", "input + 2 x outputs of all layers + parameters", "torchsummary, \"Estimated Total Size\"",
           "optimiser, gradients of parameters (but counts in-place layers)", n * c.input + Size(2) * n * c.modules + c.parameters),
      rule("keras_summary", "parameters and running statistics", "Keras, model.summary()", "all activations, gradients, the optimiser",
           c.parameters + c.states),
      rule("keras_usage", "outputs of layers, activations within them + parameters and statistics",
           "Keras users, get_model_memory_usage (Stack Overflow 43137288)", "the backward pass, gradients, the optimiser",
           n * forward + c.parameters + c.states),
  };
}

std::string rules_text(const std::vector<Rule>& rules, int64_t arena) {
  std::string text = "Rules of thumb, float32 (netc's own answer is the plan):\n";
  for (const Rule& rule : rules) {
    text += fmt::format("  {:>18} B  {:>10}  {}\n{:36}{}\n{:36}leaves out: {}\n", grouped(rule.bytes), memory_text(rule.bytes), rule.name, "",
                        rule.source, "", rule.leaves_out);
  }
  text += fmt::format("  {:>18} B  {:>10}  netc's plan: everything but the library's own share\n", grouped(arena), memory_text(arena));
  return text;
}

}  // namespace netc
