#include "backend/program_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace netc {

namespace {

enum Group { kParams, kState, kOptimizer, kGradients, kBatch, kActs, kSaved, kActGradients, kGroups };

Group group_of(ValueKind kind) {
  switch (kind) {
    case ValueKind::parameter: return kParams;
    case ValueKind::state:
    case ValueKind::metrics: return kState;
    case ValueKind::optimizer: return kOptimizer;
    case ValueKind::gradient: return kGradients;
    case ValueKind::input:
    case ValueKind::label: return kBatch;
    case ValueKind::activation: return kActs;
    case ValueKind::aux: return kSaved;
    case ValueKind::activation_gradient: return kActGradients;
  }
  return kActs;
}

std::vector<PointerGroup> empty_groups() {
  return {
      {"Params", "params", "learned", {}},
      {"State", "state", "running statistics and the sums of loss and right answers", {}},
      {"OptimizerState", "optimizer", "what the optimiser remembers of each parameter", {}},
      {"Gradients", "grads", "of parameters; each lives until its update", {}},
      {"Batch", "batch", "what the loader fills", {}},
      {"Activations", "acts", "outputs of layers; several may share bytes, see the memory map", {}},
      {"Saved", "saved", "what a forward kernel leaves for its backward kernel", {}},
      {"ActivationGradients", "dacts", "gradients of activations", {}},
  };
}

/// Hands out constants: calls of one layer with the same constants share one.
class Constants {
 public:
  Constants(ProgramNames& names, int64_t batch) : names_(names), batch_(batch) {}

  std::string name(const Call& call, const std::string& base) {
    if (call.desc.type.empty()) return {};
    const std::string value = desc_initializer(call.desc, batch_ / call.slice.count);
    const std::string key = fmt::format("{}|{}|{}", base, call.desc.type, value);
    const auto known = by_key_.find(key);
    if (known != by_key_.end()) return known->second;
    std::string wanted = "k" + pascal_case(base);
    if (taken_.contains(wanted)) wanted += pascal_case(call.kernel);
    const std::string stem = wanted;
    for (int i = 2; taken_.contains(wanted); ++i) wanted = fmt::format("{}{}", stem, i);
    taken_.insert(wanted);
    names_.constants.push_back({std::string(call.desc.type), wanted, value});
    return by_key_[key] = wanted;
  }

 private:
  ProgramNames& names_;
  const int64_t batch_;
  std::unordered_map<std::string, std::string> by_key_;
  std::unordered_set<std::string> taken_;
};

/// What a call's constants are named after: its layer, or the parameter it updates.
std::string base_name(const Schedule& schedule, const Call& call, const std::vector<std::string>& layer_names) {
  if (call.slice.count > 1) return layer_names[call.layer.at()] + "_slice";
  if (call.phase != Phase::update || call.outputs.empty() || call.outputs[0] < 0) return layer_names[call.layer.at()];
  Identifiers once;
  return once.make(schedule.values[static_cast<size_t>(call.outputs[0])].name);
}

/// Hands out names for the sizes of slices: tensors of the same name whose slices have as many elements share one.
class SliceSizes {
 public:
  SliceSizes(ProgramNames& names, int64_t batch) : names_(names), batch_(batch) {}

  void name(const Schedule& schedule, std::map<std::pair<int, int>, std::string>& by_value) {
    for (const Call& call : schedule.calls)
      for (const auto* operands : {&call.outputs, &call.inputs})
        for (int value : *operands)
          if (value >= 0) name(call, value, schedule.values[static_cast<size_t>(value)], by_value);
  }

 private:
  void name(const Call& call, int index, const PlannedValue& value, std::map<std::pair<int, int>, std::string>& by_value) {
    if (call.slice.count == 1 || !value.type.batched || value.slices > 1) return;
    const auto [at, is_new] = by_value.try_emplace({index, call.slice.count});
    if (!is_new) return;
    const int64_t elements = operand_stretch(call, value, batch_).bytes / std::max(1, dtype_bits(value.type.dtype) / 8);
    const std::string stem = "kSliceOf" + pascal_case(Identifiers().make(value.name));
    std::string& name = at->second = stem;
    for (int i = 2;; ++i) {
      const auto known = taken_.find(name);
      if (known == taken_.end()) break;
      if (known->second == elements) return;
      name = fmt::format("{}{}", stem, i);
    }
    taken_[name] = elements;
    names_.slice_sizes.push_back({name, elements, batch_ / call.slice.count});
  }

  ProgramNames& names_;
  const int64_t batch_;
  std::unordered_map<std::string, int64_t> taken_;
};

}  // namespace

std::string_view element_type(const PlannedValue& value) {
  if (value.kind == ValueKind::metrics) return "Metrics";
  switch (value.type.dtype) {
    case DType::i32: return "int32_t";
    case DType::u16: return "uint16_t";
    case DType::u8:
    case DType::bit: return "uint8_t";
    case DType::f64: return "double";
    default: return "float";
  }
}

std::string desc_initializer(const Desc& desc, int64_t batch) {
  std::string text = "{";
  for (const Field& field : desc.fields) {
    if (text.size() > 1) text += ", ";
    text += fmt::format(".{} = ", field.name);
    if (field.kind == Field::Kind::integer) text += fmt::to_string(field.at(batch));
    else if (field.kind == Field::Kind::real) text += float_literal(field.real);
    else text += fmt::format("Activation::{}", activation_name(static_cast<Activation>(field.integer)));
  }
  return text + "}";
}

ProgramNames program_names(const Graph& graph, const Plan& plan) {
  ProgramNames names;
  names.groups = empty_groups();
  std::vector<Identifiers> scopes(kGroups + 1);
  for (size_t i = 0; i < plan.train.values.size(); ++i) {
    const PlannedValue& value = plan.train.values[i];
    const Group group = group_of(value.kind);
    const bool fixed = value.kind == ValueKind::input || value.kind == ValueKind::label || value.kind == ValueKind::metrics;
    const std::string identifier = fixed ? (value.kind == ValueKind::input ? "input" : value.kind == ValueKind::label ? "label" : "metrics")
                                         : scopes[group].make(value.name);
    names.groups[group].members.push_back({identifier, static_cast<int>(i)});
    names.train.push_back(fmt::format("{}.{}", names.groups[group].name, identifier));
  }
  names.evaluation = {"Evaluation", "eval", "outputs of layers while evaluating, in the bytes training leaves free between steps", {}};
  for (size_t i = 0; i < plan.evaluate.values.size(); ++i) {
    if (i < static_cast<size_t>(plan.persistent)) {
      // Evaluation's persistent values are training's, in the same order; without training there is nothing to emit.
      names.evaluate.push_back(names.train[i]);
      continue;
    }
    const std::string identifier = scopes[kGroups].make(plan.evaluate.values[i].name);
    names.evaluation.members.push_back({identifier, static_cast<int>(i)});
    names.evaluate.push_back("eval." + identifier);
  }
  Identifiers layer_scope;
  std::vector<std::string> layer_names;
  for (const Layer& layer : graph.layers) layer_names.push_back(layer_scope.make(layer.name));
  Constants constants(names, plan.batch);
  for (const Call& call : plan.train.calls) names.train_constant.push_back(constants.name(call, base_name(plan.train, call, layer_names)));
  for (const Call& call : plan.evaluate.calls)
    names.evaluate_constant.push_back(constants.name(call, base_name(plan.evaluate, call, layer_names)));
  SliceSizes slices(names, plan.batch);
  slices.name(plan.train, names.train_slice);
  slices.name(plan.evaluate, names.evaluate_slice);
  return names;
}

}  // namespace netc
