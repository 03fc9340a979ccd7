// A chain of layers as a resolved graph, without a parser: for tests of what comes after it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "ops/example.h"
#include "ops/table.h"
#include "support/check.h"

namespace netc::testing {

inline Value make_value(std::string name, Type type, ValueKind kind, LayerId layer = {}) {
  Value value;
  value.name = std::move(name);
  value.type = std::move(type);
  value.kind = kind;
  value.layer = layer;
  return value;
}

/// Statements such as "conv 32 3x3 pad" (those example_args reads), one after the other, ending in a loss ("loss softmax") or not.
/// Layers are named after their op and counted: conv1, conv2, relu1. The lines of the statements count from 3.
inline Graph sequential(std::string name, Shape input, const std::vector<std::string>& statements) {
  Graph graph;
  graph.name = std::move(name);
  graph.input = graph.add(make_value("input", {DType::f32, std::move(input), true}, ValueKind::input));
  ValueId current = graph.input;
  std::map<std::string, int> counts;
  for (size_t i = 0; i < statements.size(); ++i) {
    const std::string& source = statements[i];
    std::string verb = source.substr(0, source.find(' '));
    const bool loss = verb == "loss";
    if (loss) verb = source.substr(5, source.find(' ', 5) - 5);
    const OpDef* op = loss ? find_loss(verb) : find_op(verb);
    NETC_CHECK(op, "no such op");
    const LayerId id{static_cast<int32_t>(graph.layers.size())};
    Layer layer;
    layer.op = op;
    layer.source = source;
    layer.where = {0, static_cast<int32_t>(i) + 3, 1, 1};
    layer.name = loss ? "loss" : verb + std::to_string(++counts[verb]);
    layer.inputs = {current};
    LoweredExample example = lower_example(*op, Example{source, graph[current].type.shape});
    layer.args = example.args;
    layer.has_bias = example.has_bias;
    const auto add = [&](const ParamSpec& spec, ValueKind kind) {
      Value value = make_value(layer.name + "." + std::string(spec.suffix), {DType::f32, spec.shape, false}, kind, id);
      value.role = spec.role;
      value.init = spec.init;
      return graph.add(std::move(value));
    };
    if (op->params) {
      for (const ParamSpec& spec : op->params(example.info())) layer.params.push_back(add(spec, ValueKind::parameter));
    }
    if (op->states) {
      for (const ParamSpec& spec : op->states(example.info())) layer.states.push_back(add(spec, ValueKind::state));
    }
    if (loss) {
      graph.label = graph.add(make_value("label", {DType::i32, {1}, true}, ValueKind::label));
      graph.metrics = graph.add(make_value("metrics", {DType::f64, {4}, false}, ValueKind::metrics));
      graph.loss = id;
      graph.output = current;
    }
    const ValueKind kind = loss ? ValueKind::activation_gradient : ValueKind::activation;
    Value output = make_value(layer.name, {DType::f32, example.output, true}, kind, id);
    if (op->parts && op->parts(example.info()) == 0) output.same_as = current;
    layer.output = graph.add(std::move(output));
    current = layer.output;
    graph.add(std::move(layer));
  }
  if (!graph.loss.valid()) graph.output = current;
  return graph;
}

}  // namespace netc::testing
