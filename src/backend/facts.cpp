#include "backend/facts.h"

#include <filesystem>

#include "support/check.h"

namespace netc {

namespace {

std::string_view init_name(InitKind kind) {
  switch (kind) {
    case InitKind::uniform: return "uniform";
    case InitKind::normal: return "normal";
    case InitKind::constant: return "constant";
    default: NETC_CHECK(false, "an initialiser was left unresolved");
  }
}

std::string_view target_name(TargetKind kind) {
  constexpr std::string_view names[] = {"class_index", "one_hot", "input", "values"};
  return names[static_cast<size_t>(kind)];
}

void add_tensor(const Plan& plan, const PlannedValue& value, int index, const Init& init, Facts& facts) {
  TensorFact tensor;
  tensor.name = value.name;
  tensor.cls = value.kind == ValueKind::parameter ? "parameter" : value.kind == ValueKind::state ? "state" : "optimizer";
  tensor.offset = plan.train.buffers[value.buffer.at()].offset;
  tensor.shape.assign(value.type.shape.begin(), value.type.shape.end());
  tensor.init = init_name(init.kind);
  tensor.init_value = init.value;
  tensor.value = index;
  facts.tensors.push_back(std::move(tensor));
}

std::string absolute_path(const std::string& path, const std::string& folder) {
  if (path.empty()) return path;
  const std::filesystem::path given(path);
  const std::filesystem::path joined = given.is_absolute() ? given : std::filesystem::path(folder) / given;
  std::error_code ignored;
  return std::filesystem::absolute(joined, ignored).lexically_normal().string();
}

}  // namespace

std::string_view schedule_kind_name(ScheduleKind kind) {
  constexpr std::string_view names[] = {"constant", "step", "cosine", "linear"};
  return names[static_cast<size_t>(kind)];
}

std::string_view optimizer_name(OptimizerKind kind) {
  constexpr std::string_view names[] = {"sgd", "adam", "adamw", "rmsprop"};
  return names[static_cast<size_t>(kind)];
}

Facts program_facts(const Graph& graph, const Plan& plan, const std::string& command, const std::string& folder) {
  Facts facts;
  facts.network = graph.name;
  facts.command = command;
  facts.loss = std::string(graph[graph.loss].op->name.value);
  facts.arena = plan.arena;
  facts.slots = plan.input_slots;
  // Persistent values come first, in the order of the graph's values.
  size_t next = 0;
  for (const Value& value : graph.values) {
    if (next == static_cast<size_t>(plan.persistent)) break;
    const PlannedValue& planned = plan.train.values[next];
    if (planned.name != value.name || planned.kind != value.kind) continue;
    const Buffer& buffer = plan.train.buffers[planned.buffer.at()];
    const int64_t bytes = type_bytes(value.type, plan.batch).value();
    if (value.kind == ValueKind::input) facts.input_offset = buffer.offset, facts.input_bytes = bytes;
    else if (value.kind == ValueKind::label) facts.label_offset = buffer.offset, facts.label_bytes = bytes;
    else if (value.kind == ValueKind::metrics) facts.metrics_offset = buffer.offset;
    else add_tensor(plan, planned, static_cast<int>(next), value.init, facts);
    ++next;
  }
  const Call& loss = plan.evaluate.calls.back();
  NETC_CHECK(loss.layer == graph.loss, "an evaluation ends with the loss");
  facts.scores_offset = plan.evaluate.buffers[plan.evaluate.values[static_cast<size_t>(loss.inputs[0])].buffer.at()].offset;
  facts.vocabulary = graph.vocabulary;
  facts.reader = graph.data.reader.empty() ? graph.vocabulary > 0 ? "arithmetic" : "shapes" : graph.data.reader;
  facts.data_path = absolute_path(graph.data.path, folder);
  facts.input = as_image(graph[graph.input].type.shape);
  const Shape& scores = graph[graph[graph.loss].inputs[0]].type.shape;
  facts.classes = scores.empty() ? 1 : scores.back();
  facts.target = std::string(target_name(graph.target));
  if (graph.target == TargetKind::class_index)
    facts.target_rows = elements(scores).value() / facts.classes;
  else
    facts.target_values = elements(scores).value();
  return facts;
}

}  // namespace netc
