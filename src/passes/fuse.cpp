#include "passes/fuse.h"

#include <utility>

#include "passes/kept.h"

namespace netc {

namespace {

/// Readers of each value (storages), by layer; the network's output has one more.
std::vector<std::vector<LayerId>> readers_of(const Graph& graph) {
  std::vector<std::vector<LayerId>> readers(graph.values.size());
  for (size_t i = 0; i < graph.layers.size(); ++i)
    for (ValueId input : graph.layers[i].inputs) readers[graph.storage(input).at()].push_back(LayerId{static_cast<int32_t>(i)});
  return readers;
}

Activation activation_of(const Layer& layer, double* alpha = nullptr) {
  if (!layer.op->activation) return Activation::none;
  const auto [kind, value] = layer.op->activation(layer.args);
  if (alpha) *alpha = value;
  return kind;
}

bool can_use_output(Activation kind) {
  switch (kind) {
    case Activation::relu:
    case Activation::relu6:
    case Activation::leaky:
    case Activation::elu:
    case Activation::sigmoid:
    case Activation::tanh:
    case Activation::hardsigmoid: return true;
    default: return false;
  }
}

/// relu -> pool becomes pool -> relu. The value between them becomes the pool's result.
void let_relu_follow_pool(Graph& graph, std::vector<std::vector<LayerId>>& readers, const std::vector<int>& position) {
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    Layer& relu = graph.layers[i];
    const Activation kind = activation_of(relu);
    if (kind != Activation::relu && kind != Activation::relu6) continue;
    const ValueId between = relu.output;
    if (graph.storage(between) != between || between == graph.output || readers[between.at()].size() != 1) continue;
    const LayerId pool_id = readers[between.at()][0];
    Layer& pool = graph[pool_id];
    if (!pool.op->commutes_with_relu) continue;
    const ValueId before = relu.inputs[0], after = pool.output;
    graph[between].type = graph[after].type;
    pool.inputs[0] = before;
    pool.output = between;
    relu.inputs[0] = between;
    relu.output = after;
    // The two keep their names in the report, and trade places in the step.
    std::swap(graph.order[static_cast<size_t>(position[i])], graph.order[static_cast<size_t>(position[pool_id.at()])]);
    std::swap(graph[between].layer, graph[after].layer);
    std::swap(graph[between].name, graph[after].name);
    for (LayerId& reader : readers[graph.storage(before).at()])
      if (reader.at() == i) reader = pool_id;
    readers[between.at()] = {LayerId{static_cast<int32_t>(i)}};
  }
}

void fuse_activations(Graph& graph, const std::vector<std::vector<LayerId>>& readers) {
  std::vector<LayerId> producer(graph.values.size());
  for (size_t i = 0; i < graph.layers.size(); ++i) producer[graph.layers[i].output.at()] = LayerId{static_cast<int32_t>(i)};
  const std::vector<bool> flows = gradient_flows(graph);
  const auto kept_by_a_reader = [&](ValueId output) {
    const ValueId storage = graph.storage(output);
    for (LayerId reader : readers[storage.at()])
      if (surely_reads(graph, graph[reader], storage, flows)) return true;
    return false;
  };

  for (size_t i = 0; i < graph.layers.size(); ++i) {
    Layer& act = graph.layers[i];
    double alpha = 0;
    const Activation kind = activation_of(act, &alpha);
    if (kind == Activation::none) continue;
    const ValueId input = act.inputs[0];
    if (graph.storage(input) != input || readers[input.at()].size() != 1 || input == graph.output) continue;
    const LayerId into = producer[input.at()];
    if (!into.valid()) continue;
    Layer& host = graph[into];
    if (host.op->fuse_activation == FuseActivation::no || host.activation != Activation::none) continue;
    if (host.op->fuse_activation == FuseActivation::by_output && (!can_use_output(kind) || !kept_by_a_reader(act.output))) continue;
    host.activation = kind;
    host.alpha = alpha;
    host.output = act.output;
    producer[act.output.at()] = into;
    graph[input].same_as = act.output;
    act.fused_into = into;
    graph[act.output].layer = into;
  }
}

/// Notes what the file says of each layer, and lets layers that move nothing (flatten) name their input's bytes.
void remember_as_written(Graph& graph) {
  std::vector<LayerId> producer(graph.values.size());
  for (size_t i = 0; i < graph.layers.size(); ++i) producer[graph.layers[i].output.at()] = LayerId{static_cast<int32_t>(i)};
  for (Layer& layer : graph.layers) {
    layer.shape = graph[layer.output].type.shape;
    layer.sources.clear();
    for (ValueId input : layer.inputs) layer.sources.push_back(producer[input.at()]);
    if (part_count(graph, layer) == 0) graph[layer.output].same_as = layer.inputs[0];
  }
  graph.last = producer[graph.output.at()];
}

}  // namespace

void fuse(Graph& graph) {
  remember_as_written(graph);
  graph.order.clear();
  std::vector<int> position(graph.layers.size());
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    graph.order.push_back(LayerId{static_cast<int32_t>(i)});
    position[i] = static_cast<int>(i);
  }
  std::vector<std::vector<LayerId>> readers = readers_of(graph);
  let_relu_follow_pool(graph, readers, position);
  readers = readers_of(graph);
  fuse_activations(graph, readers);
}

}  // namespace netc
