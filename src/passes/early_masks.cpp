#include "passes/early_masks.h"

#include <algorithm>
#include <map>

namespace netc {

namespace {

bool has_mask(const Node& node) {
  for (const Field& field : node.desc.fields)
    if (field.kind == Field::Kind::activation) {
      const auto kind = static_cast<Activation>(field.integer);
      return kind == Activation::relu || kind == Activation::relu6 || kind == Activation::leaky || kind == Activation::hardsigmoid;
    }
  return false;
}

/// An output and the calls between which its mask can take its place.
struct Maskable {
  int gradient = 0;     ///< the node that takes the activation's gradient from the output
  int last_reader = 0;  ///< the last backward node before it that reads the output
  int64_t bytes = 0;    ///< of the output, a sample
};

std::vector<Maskable> find_maskable(const Graph& graph) {
  std::map<ValueId, int> last_reader;  // in the backward pass, by storage
  std::vector<Maskable> found;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.phase != Phase::backward) continue;
    if (node.kernel == "act_backward_from_output" && has_mask(node)) {
      const ValueId output = graph.storage(node.inputs[0]);
      const auto reader = last_reader.find(output);
      if (reader != last_reader.end() && reader->second + 1 < static_cast<int>(i))
        found.push_back({static_cast<int>(i), reader->second, type_bytes(graph[output].type, 1).value()});
    }
    for (ValueId input : node.inputs)
      if (input.valid()) last_reader[graph.storage(input)] = static_cast<int>(i);
  }
  // An output that is read after its gradient was taken lives on.
  std::erase_if(found, [&](const Maskable& each) {
    return last_reader.at(graph.storage(graph.nodes[static_cast<size_t>(each.gradient)].inputs[0])) > each.gradient;
  });
  return found;
}

}  // namespace

int64_t largest_maskable(const Graph& graph) {
  int64_t largest = 0;
  for (const Maskable& each : find_maskable(graph)) largest = std::max(largest, each.bytes);
  return largest;
}

int mask_early(Graph& graph, int64_t least_bytes) {
  std::map<int, Node> behind;  // by the node it comes after
  for (const Maskable& each : find_maskable(graph)) {
    if (each.bytes < least_bytes) continue;
    Node& gradient = graph.nodes[static_cast<size_t>(each.gradient)];
    const ValueId output = gradient.inputs[0];
    Value mask;
    mask.name = graph[graph.storage(output)].name + ".late_mask";
    mask.type = {DType::bit, graph[output].type.shape, true};
    mask.kind = ValueKind::aux;
    mask.layer = gradient.layer;
    mask.what = "one bit an element: where the slope is not that of its off side";
    Node make;
    make.layer = gradient.layer;
    make.part = gradient.part;
    make.phase = Phase::backward;
    make.kernel = "act_mask";
    make.desc = gradient.desc;
    make.work = gradient.work;
    make.purpose = "the mask";
    make.inputs = {output};
    make.outputs = {graph.add(std::move(mask))};
    gradient.kernel = "act_backward_from_mask";
    gradient.inputs[0] = make.outputs[0];
    behind.emplace(each.last_reader, std::move(make));
  }
  std::vector<Node> nodes;
  nodes.reserve(graph.nodes.size() + behind.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    nodes.push_back(std::move(graph.nodes[i]));
    const auto mask = behind.find(static_cast<int>(i));
    if (mask != behind.end()) nodes.push_back(std::move(mask->second));
  }
  graph.nodes = std::move(nodes);
  return static_cast<int>(behind.size());
}

}  // namespace netc
