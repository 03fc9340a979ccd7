#include "estimate/json.h"

#include "estimate/time_text.h"

namespace netc {

namespace {

using Json = nlohmann::ordered_json;

Json bytes_json(const ClassBytes& bytes) {
  Json json;
  for (MemoryClass c : {MemoryClass::parameters, MemoryClass::gradients, MemoryClass::optimizer, MemoryClass::saved, MemoryClass::transient,
                        MemoryClass::workspace, MemoryClass::state, MemoryClass::input}) {
    json[std::string(memory_class_name(c))] = bytes[c];
  }
  return json;
}

Json layer_json(const LayerRow& row) {
  Json json;
  json["name"] = row.name;
  json["op"] = row.op;
  json["line"] = row.line;
  json["output"] = row.output;
  json["parameters"] = row.parameters;
  json["macs"] = row.macs;
  json["bytes"] = bytes_json(row.bytes);
  json["why"] = row.why;
  json["flops"] = row.flops;
  json["source"] = row.source;
  json["place"] = row.place;
  json["inputs"] = row.inputs;
  json["scratch"] = Json::array();
  for (const ScratchCall& call : row.scratch) json["scratch"].push_back({{"kernel", call.kernel}, {"minimum", call.minimum}, {"granted", call.granted}});
  json["tensors"] = Json::object();
  for (const auto& [name, role] : row.tensors) json["tensors"][name] = role;
  return json;
}

/// The settings of `train`, with their defaults filled in.
Json training_json(const TrainSettings& train) {
  constexpr std::string_view optimizers[] = {"sgd", "adam", "adamw", "rmsprop"}, scopes[] = {"weights", "matrices", "all"};
  constexpr std::string_view schedules[] = {"constant", "step", "cosine", "linear"};
  Json json;
  json["optimizer"] = optimizers[static_cast<size_t>(train.optimizer)];
  json["learning_rate"] = train.learning_rate;
  json["momentum"] = train.momentum;
  json["nesterov"] = train.nesterov;
  json["beta1"] = train.beta1;
  json["beta2"] = train.beta2;
  json["eps"] = train.eps;
  json["rms_keep"] = train.rms_keep;
  json["decay"] = train.decay;
  json["decay_scope"] = scopes[static_cast<size_t>(train.decay_scope)];
  json["clip"] = train.clip;
  json["batch"] = train.batch;
  json["micro_steps"] = train.micro_steps;
  json["schedule"] = schedules[static_cast<size_t>(train.schedule)];
  json["warmup"] = train.warmup;
  json["epochs"] = train.epochs;
  json["steps"] = train.steps;
  return json;
}

Json totals_json(const Totals& totals) {
  Json json;
  json["parameters"] = totals.parameters;
  json["macs"] = totals.macs;
  json["arena"] = totals.arena;
  json["lower_bound"] = totals.lower_bound;
  json["sum_of_buffers"] = totals.sum_of_buffers;
  json["fixed"] = totals.fixed;
  json["per_image"] = totals.per_image;
  json["library"] = totals.library.bytes;
  json["device"] = totals.device;
  json["flops"] = totals.flops;
  json["evaluation"] = totals.evaluation;
  json["packing_optimal"] = totals.packing_optimal;
  json["bytes"] = bytes_json(totals.bytes);
  const Scratch& scratch = totals.scratch;
  json["scratch"] = {{"calls", scratch.calls}, {"minimum", scratch.minimum}, {"least", scratch.least}, {"median", scratch.median}};
  return json;
}

Json buffer_json(const Buffer& buffer) {
  Json json;
  json["name"] = buffer.name;
  json["class"] = memory_class_name(buffer.cls);
  json["dtype"] = dtype_name(buffer.type.dtype);
  json["shape"] = buffer.type.shape;
  json["bytes"] = buffer.bytes;
  json["offset"] = buffer.offset;
  json["first"] = buffer.first;
  json["last"] = buffer.last;
  json["line"] = buffer.where.line;
  json["why"] = reason(buffer);
  json["batched"] = buffer.type.batched;
  json["slices"] = buffer.slices;
  return json;
}

Json verdict_json(const Verdict& verdict) {
  Json json;
  json["fits"] = verdict.fits ? Json(*verdict.fits) : Json();
  json["memory"] = verdict.room.memory > 0 ? Json(verdict.room.memory) : Json();
  json["largest_batch"] = verdict.largest_batch ? Json(*verdict.largest_batch) : Json();
  json["cards"] = Json::array();
  for (const Gpu* gpu : verdict.cards) json["cards"].push_back(gpu->id);
  return json;
}

Json rule_json(const Rule& rule) {
  Json json;
  json["id"] = rule.id;
  json["name"] = rule.name;
  json["source"] = rule.source;
  json["leaves_out"] = rule.leaves_out;
  json["values"] = rule.values;
  json["bytes"] = rule.bytes;
  return json;
}

}  // namespace

nlohmann::ordered_json estimate_json(const Report& report, const Plan& plan, const std::vector<Rule>& rules) {
  Json json;
  json["network"] = report.network;
  json["batch"] = report.batch;
  json["dtype"] = report.dtype;
  json["optimizer"] = report.optimizer;
  json["target"] = report.target;
  json["micro_steps"] = report.micro_steps;
  json["seed"] = report.seed;
  json["loss"] = {{"kind", report.loss}, {"smooth", report.smooth}};
  json["training"] = training_json(report.train);
  json["layers"] = Json::array();
  for (size_t i = 0; i < report.layers.size(); ++i) {
    json["layers"].push_back(layer_json(report.layers[i]));
    if (report.time) json["layers"].back()["time"] = layer_time_json(report.time->layers[i]);
  }
  json["totals"] = totals_json(report.totals);
  json["buffers"] = Json::array();
  for (const Buffer& buffer : (report.training ? plan.train : plan.evaluate).buffers) json["buffers"].push_back(buffer_json(buffer));
  json["verdict"] = verdict_json(report.verdict);
  json["notes"] = report.notes;
  if (report.time) json["time"] = time_json(*report.time);
  if (!rules.empty()) json["rules"] = Json::array();
  for (const Rule& rule : rules) json["rules"].push_back(rule_json(rule));
  return json;
}

std::string estimate_json_text(const Report& report, const Plan& plan, const std::vector<Rule>& rules) {
  return estimate_json(report, plan, rules).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace netc
