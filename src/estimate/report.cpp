#include "estimate/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "estimate/units.h"

namespace netc {

namespace {

const Schedule& main_schedule(const Plan& plan) { return plan.train.calls.empty() ? plan.evaluate : plan.train; }

/// The planned buffer of each value; none where the schedule has no such value.
std::vector<BufferId> buffers_by_value(const Graph& graph, const Schedule& schedule) {
  std::vector<BufferId> buffers(graph.values.size());
  for (const PlannedValue& value : schedule.values) buffers[value.id.at()] = value.buffer;
  return buffers;
}

std::string place_of(const Graph& graph, const Layer& layer, const std::vector<BufferId>& buffers) {
  if (layer.fused_into.valid()) return fmt::format("inside {}", graph[layer.fused_into].name);
  if (!layer.output.valid()) return {};
  const BufferId output = buffers[layer.output.at()];
  for (ValueId input : layer.inputs) {
    if (graph.storage(layer.output) == graph.storage(input)) return fmt::format("view of {}", graph[input].name);
    if (output.valid() && output == buffers[input.at()]) return "in place";
  }
  return {};
}

LayerRow input_row(const Graph& graph) {
  LayerRow row;
  row.name = row.op = "input";
  if (!graph.input.valid()) return row;
  row.output = graph[graph.input].type.shape;
  row.source = fmt::format("input {}", shape_text(row.output));
  if (graph.vocabulary > 0) row.source += fmt::format(" tokens {}", graph.vocabulary);
  return row;
}

std::string_view role_name(const Value& value) {
  if (value.kind == ValueKind::state) return "state";
  return value.role == ParamRole::weight ? "weight" : value.role == ParamRole::bias ? "bias" : "norm";
}

LayerRow layer_row(const Graph& graph, const Layer& layer, const std::vector<BufferId>& buffers, std::vector<bool>& counted) {
  LayerRow row;
  row.name = layer.name;
  row.op = std::string(layer.op->name.value);
  row.source = layer.source;
  row.line = layer.where.line;
  row.place = place_of(graph, layer, buffers);
  row.output = !layer.shape.empty() || !layer.output.valid() ? layer.shape : graph[layer.output].type.shape;
  for (LayerId source : layer.sources) row.inputs.push_back(source.valid() ? graph[source].name : "input");
  for (const std::vector<ValueId>* tensors : {&layer.params, &layer.states}) {
    for (ValueId tensor : *tensors) row.tensors.emplace_back(graph[tensor].name, role_name(graph[tensor]));
  }
  for (ValueId parameter : layer.params) {
    if (counted[graph.storage(parameter).at()]) continue;
    counted[graph.storage(parameter).at()] = true;
    row.parameters += elements(graph[parameter].type.shape).value();
  }
  if (layer.op->macs && layer.output.valid()) {
    std::vector<Shape> shapes;
    row.macs = layer.op->macs(graph.info(layer, shapes)).value();
    row.flops = (Size(2) * Size(row.macs)).value();
  }
  return row;
}

/// Adds the bytes of every buffer to its layer's row (the first row where it has none), to the totals and to the list of what is kept.
void add_buffers(const Schedule& schedule, Report& report) {
  for (const Buffer& buffer : schedule.buffers) {
    LayerRow& row = report.layers[static_cast<size_t>(buffer.layer.index + 1)];
    row.bytes[buffer.cls] += buffer.bytes;
    report.totals.bytes[buffer.cls] += buffer.bytes;
    if (buffer.cls != MemoryClass::saved) continue;
    report.saved.push_back({buffer.name, std::string(reason(buffer)), buffer.bytes});
    row.why += fmt::format("{}{}: {}", row.why.empty() ? "" : "; ", buffer.name, reason(buffer));
  }
}

/// Up to three common cards, smallest memory first and one for each size, on which `arena` and the card's own library share fit.
std::vector<const Gpu*> smallest_cards(int64_t arena) {
  std::vector<const Gpu*> cards;
  for (const Gpu& gpu : gpu_table()) {
    if (gpu.common && arena + library_bytes(gpu) <= usable_bytes(gpu)) cards.push_back(&gpu);
  }
  std::stable_sort(cards.begin(), cards.end(), [](const Gpu* a, const Gpu* b) { return a->gib < b->gib; });
  cards.erase(std::unique(cards.begin(), cards.end(), [](const Gpu* a, const Gpu* b) { return a->gib == b->gib; }), cards.end());
  if (cards.size() > 3) cards.resize(3);
  return cards;
}

Verdict judge(const Plan& plan, const Totals& totals, const EstimateOptions& options) {
  Verdict verdict;
  verdict.room = room_in(options.memory, options.gpu);
  if (verdict.room.memory == 0) {
    if (plan.target == "cuda") verdict.cards = smallest_cards(totals.arena);
    return verdict;
  }
  verdict.fits = totals.device <= verdict.room.memory;
  if (options.plan_at) {
    const Largest largest = find_largest_batch(options.plan_at, plan, totals.library.bytes, verdict.room.memory);
    verdict.largest_batch = largest.fits ? largest.fits->size : 0;
    verdict.batch_unbounded = !largest.next || largest.next->arena < 0;
  }
  return verdict;
}

/// What every call that takes scratch must have and is granted, by layer and in sum.
void add_scratch(const Schedule& schedule, Report& report) {
  std::vector<int64_t> granted;
  Scratch& sum = report.totals.scratch;
  for (const Call& call : schedule.calls) {
    if (!call.takes_workspace) continue;
    report.layers[static_cast<size_t>(call.layer.index + 1)].scratch.push_back({call.kernel, call.workspace_minimum, call.workspace_bytes});
    sum.minimum = std::max(sum.minimum, call.workspace_minimum);
    granted.push_back(call.workspace_bytes);
  }
  if (granted.empty()) return;
  std::sort(granted.begin(), granted.end());
  sum.calls = static_cast<int>(granted.size());
  sum.least = granted.front();
  sum.median = granted[granted.size() / 2];
}

}  // namespace

std::pair<std::string, std::string> optimizer_text(const TrainSettings& train) {
  std::string name, settings;
  switch (train.optimizer) {
    case OptimizerKind::sgd:
      name = "sgd";
      break;
    case OptimizerKind::adam:
      name = "adam";
      break;
    case OptimizerKind::adamw:
      name = "adamw";
      break;
    case OptimizerKind::rmsprop:
      name = "rmsprop";
      break;
  }
  settings = name;
  if (train.momentum > 0) settings += fmt::format(" momentum {}", train.momentum);
  if (train.nesterov) settings += " nesterov";
  return {name, settings};
}

Room room_in(int64_t memory, const Gpu* gpu) {
  if (memory > 0 || gpu == nullptr) return {memory, {}};
  return {usable_bytes(*gpu), fmt::format("usable of a {}", gpu->name)};
}

Largest find_largest_batch(const PlanAt& plan_at, const Plan& plan, int64_t library, int64_t memory) {
  constexpr int64_t kLargestBatch = int64_t{1} << 31;
  const int64_t guess = plan.per_image > 0 ? (memory - library - plan.fixed) / plan.per_image : plan.batch;
  return find_largest(plan_at, {.room = memory - library, .guess = guess, .limit = kLargestBatch});
}

Report make_report(const Graph& graph, const Plan& plan, const EstimateOptions& options) {
  Report report;
  const Schedule& schedule = main_schedule(plan);
  report.network = graph.name;
  report.target = plan.target;
  report.training = !plan.train.calls.empty();
  report.batch = plan.batch;
  if (graph.vocabulary > 0) report.tokens = elements(graph[graph.input].type.shape).value();
  report.micro_steps = report.training ? graph.train.micro_steps : 1;
  report.dtype = graph.train.dtype;
  std::tie(report.optimizer, report.settings) = report.training ? optimizer_text(graph.train) : std::pair<std::string, std::string>{"none", "none"};
  report.notes = options.notes;
  report.train = graph.train;
  report.train.batch = plan.batch;
  report.seed = graph.seed;
  if (graph.loss.valid()) {
    report.loss = std::string(graph[graph.loss].op->name.value);
    report.smooth = graph[graph.loss].args.number("smooth", 0);
  }

  const std::vector<BufferId> buffers = buffers_by_value(graph, schedule);
  std::vector<bool> counted(graph.values.size(), false);
  report.layers.reserve(graph.layers.size() + 1);
  report.layers.push_back(input_row(graph));
  for (const Layer& layer : graph.layers) report.layers.push_back(layer_row(graph, layer, buffers, counted));
  add_buffers(schedule, report);
  add_scratch(schedule, report);

  Totals& totals = report.totals;
  for (const LayerRow& row : report.layers) {
    totals.parameters += row.parameters;
    totals.macs += row.macs;
    totals.flops += row.flops;
  }
  totals.arena = plan.arena;
  totals.lower_bound = plan.lower_bound;
  totals.sum_of_buffers = plan.sum_of_buffers;
  totals.fixed = plan.fixed;
  totals.per_image = plan.per_image;
  totals.evaluation = plan.evaluate.end;
  totals.packing_optimal = plan.arena == plan.lower_bound;
  totals.library = library_share(plan.target, options.gpu);
  totals.device = totals.arena + totals.library.bytes;
  report.verdict = judge(plan, totals, options);
  if (options.time) report.time = make_time_table(graph, report.training, report.batch, options.gpu ? *options.gpu : reference_gpu());
  return report;
}

}  // namespace netc
