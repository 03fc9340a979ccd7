// Parameters and states: which biases there are, and how values start.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "passes/resolve_state.h"

namespace netc::resolving {
namespace {

bool takes_kernel(const OpDef& op) {
  return std::ranges::any_of(op.args.value, [](const ArgSpec& spec) { return spec.kind == ArgKind::kernel; });
}

/// For each layer, whether all that reads its output is an op that makes a bias before it useless.
std::vector<bool> followed_by_norm(const Graph& graph) {
  std::vector<bool> any(graph.layers.size(), false), all(graph.layers.size(), true);
  for (const Layer& reader : graph.layers)
    for (const ValueId input : reader.inputs) {
      const LayerId maker = graph[input].layer;
      if (!maker.valid()) continue;
      any[maker.at()] = true;
      if (!reader.op->drops_preceding_bias) all[maker.at()] = false;
    }
  for (size_t i = 0; i < any.size(); ++i) any[i] = any[i] && all[i];
  return any;
}

/// Sets Layer::has_bias. Without `bias` or `nobias` a convolution directly followed by bn has none, as everybody writes it.
void decide_biases(Resolver& r) {
  const std::vector<bool> normalised = followed_by_norm(r.graph);
  int dropped = 0;
  Location first;
  for (size_t i = 0; i < r.graph.layers.size(); ++i) {
    Layer& layer = r.graph.layers[i];
    layer.has_bias = layer.op->default_bias && !layer.args.has("nobias");
    if (!layer.has_bias || layer.args.has("bias") || !normalised[i] || !takes_kernel(*layer.op)) continue;
    layer.has_bias = false;
    if (dropped++ == 0) first = layer.where;
  }
  if (dropped == 0) return;
  r.diagnostics
      .note("N0802", first,
            dropped == 1 ? "assumed: 1 convolution directly followed by `bn` has no bias"
                         : fmt::format("assumed: {} convolutions directly followed by `bn` have no bias", dropped))
      .help = "`bias` gives it one; `nobias` says so silently";
}

/// The default initialiser of layer number `layer`: that of the last `init` before it, else that of the first one behind the last layer.
Init default_init(const Resolver& r, size_t layer) {
  const auto behind = std::ranges::upper_bound(r.inits, layer, {}, &DefaultInit::first_layer);
  if (behind != r.inits.begin()) return std::prev(behind)->init;
  const size_t layers = r.graph.layers.size() - (r.graph.loss.valid() ? 1 : 0);
  const auto end = std::ranges::lower_bound(r.inits, layers, {}, &DefaultInit::first_layer);
  return end != r.inits.end() ? end->init : Init{};
}

/// What a parameter starts as. PyTorch's kaiming_uniform(a = sqrt 5) is U(-b, b) with b = 1/sqrt(fan_in), for weight and bias; He et al. 2015;
/// Glorot and Bengio 2010.
Init initial(const ParamSpec& spec, InitKind kind, double value, int64_t weight_fan_in) {
  if (spec.torch && kind == InitKind::torch_default) return *spec.torch;
  if (spec.role == ParamRole::norm ||
      (spec.init.kind != InitKind::torch_default && spec.init.kind != InitKind::he && spec.init.kind != InitKind::xavier))
    return spec.init;
  if (spec.init.kind != InitKind::torch_default) kind = spec.init.kind;
  if (spec.role == ParamRole::bias && kind != InitKind::torch_default) return {InitKind::constant, 0};
  const double in = static_cast<double>(std::max<int64_t>(1, spec.role == ParamRole::bias ? weight_fan_in : spec.fan_in));
  switch (kind) {
    case InitKind::torch_default: return {InitKind::uniform, 1 / std::sqrt(in)};
    case InitKind::he: return {InitKind::normal, std::sqrt(2 / in)};
    case InitKind::xavier: return {InitKind::uniform, std::sqrt(6 / (in + static_cast<double>(spec.fan_out)))};
    default: return {kind, value};
  }
}

/// The weight that `tie` names for layer `id`; none after a diagnostic.
ValueId tied_weight(Resolver& r, LayerId id, const Shape& wanted) {
  const Layer &layer = r.graph[id], &owner = r.graph[layer.tied];
  const auto word = std::ranges::find_if(layer.op->args.value, [](const ArgSpec& spec) { return spec.kind == ArgKind::label; });
  const ArgValue& name = *layer.args.find(word->name);
  const ValueId weight = owner.params.empty() ? ValueId{} : owner.params[0];
  if (weight.valid() && r.graph[weight].type.shape == wanted) return weight;
  Diagnostic& error = r.diagnostics.error(
      "N0311", name.where,
      weight.valid() ? fmt::format("the weight of `{}` is {}, the one of `{}` is {}", layer.source, shape_text(wanted), name.text,
                                   shape_text(r.graph[weight].type.shape))
                     : fmt::format("`{}` has no weight to share", name.text));
  error.notes.push_back({fmt::format("`{}`: `{}` stands", name.text, owner.source), owner.where});
  return {};
}

void add_values(Resolver& r, LayerId id, ValueKind kind, const std::vector<ParamSpec>& specs, std::vector<ValueId>& into) {
  const Init init = default_init(r, id.at());
  int64_t weight_fan_in = 1;
  for (const ParamSpec& spec : specs)
    if (spec.role == ParamRole::weight) {
      weight_fan_in = spec.fan_in;
      break;
    }
  for (const ParamSpec& spec : specs) {
    if (kind == ValueKind::parameter && into.empty() && r.graph[id].tied.valid()) {
      into.push_back(tied_weight(r, id, spec.shape));
      continue;
    }
    Value v;
    v.name = fmt::format("{}.{}", r.graph[id].name, spec.suffix);
    v.type = {DType::f32, spec.shape, false};
    v.kind = kind;
    v.layer = id;
    v.role = spec.role;
    v.init = kind == ValueKind::state ? spec.init : initial(spec, init.kind, init.value, weight_fan_in);
    into.push_back(r.graph.add(std::move(v)));
  }
}

}  // namespace

void make_parameters(Resolver& r) {
  decide_biases(r);
  std::vector<Shape> shapes;
  for (size_t i = 0; i < r.graph.layers.size(); ++i) {
    const LayerId id{static_cast<int32_t>(i)};
    const OpDef& op = *r.graph[id].op;
    std::vector<ValueId> params, states;
    if (op.params != nullptr) add_values(r, id, ValueKind::parameter, op.params(r.graph.info(r.graph[id], shapes)), params);
    if (op.states != nullptr) add_values(r, id, ValueKind::state, op.states(r.graph.info(r.graph[id], shapes)), states);
    r.graph[id].params = std::move(params);
    r.graph[id].states = std::move(states);
  }
}

}  // namespace netc::resolving
