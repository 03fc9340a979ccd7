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
  constexpr int64_t kLargestBatch = int64_t{1} << 31;
  Verdict verdict;
  verdict.memory = options.memory > 0 ? options.memory : options.gpu ? usable_bytes(*options.gpu) : 0;
  if (verdict.memory == 0) {
    if (plan.target == "cuda") verdict.cards = smallest_cards(totals.arena);
    return verdict;
  }
  if (options.gpu && options.memory <= 0) verdict.memory_name = fmt::format("usable of a {}", options.gpu->name);
  verdict.fits = totals.device <= verdict.memory;
  if (options.arena_at) {
    const int64_t guess = totals.per_image > 0 ? (verdict.memory - totals.library.bytes - totals.fixed) / totals.per_image : plan.batch;
    verdict.largest_batch = largest_batch(options.arena_at, totals.library.bytes, verdict.memory, guess, kLargestBatch);
    verdict.batch_unbounded = *verdict.largest_batch == kLargestBatch || options.arena_at(*verdict.largest_batch + 1) < 0;
  }
  return verdict;
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

int64_t largest_batch(const std::function<int64_t(int64_t)>& arena_at, int64_t library, int64_t memory, int64_t guess, int64_t limit) {
  const auto fits = [&](int64_t batch) {
    const int64_t arena = arena_at(batch);
    return arena >= 0 && arena <= memory - library;
  };
  // Gallop away from the guess until one that fits and one that does not enclose the answer, then halve.
  guess = std::clamp<int64_t>(guess, 1, limit);
  int64_t low = 0, high = limit + 1;
  for (int64_t step = 1, batch = guess; batch > low && batch < high; step *= 4) {
    if (fits(batch)) {
      low = batch;
      if (batch == limit || high <= limit) break;
      batch = std::min(limit, batch + step);
    } else {
      high = batch;
      if (low > 0) break;
      batch = std::max<int64_t>(1, batch - step);
    }
  }
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
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
  return report;
}

}  // namespace netc
