#include "passes/updates.h"

#include <fmt/format.h>

namespace netc {

namespace {

Desc count_desc(std::string_view type, int64_t count) {
  Desc desc;
  desc.type = type;
  desc.add("count", count);
  return desc;
}

/// Floating-point operations of an update for one parameter: its products, sums, quotients and roots, two more for decay.
int64_t update_flops(const TrainSettings& train, bool decays) {
  const int64_t decay = decays ? 2 : 0;
  switch (train.optimizer) {
    case OptimizerKind::sgd: return decay + 2 + (train.momentum > 0 ? 2 : 0) + (train.nesterov ? 2 : 0);
    case OptimizerKind::rmsprop: return decay + 4 + 5 + (train.momentum > 0 ? 2 : 0);
    case OptimizerKind::adam:
    case OptimizerKind::adamw: return decay + 3 + 4 + 5;
  }
  return 0;
}

}  // namespace

Node accumulate(LayerId layer, const Type& type, ValueId sum, ValueId gradient, Literal purpose) {
  Node add;
  add.layer = layer;
  add.phase = Phase::backward;
  add.kernel = "accumulate";
  add.purpose = purpose;
  add.outputs = {sum};
  add.inputs = {gradient};
  add.work.flops = elements(type.shape).value();
  add.desc = count_desc("CountDesc", add.work.flops);
  add.adds = true;
  return add;
}

Updates::Updates(Graph& graph) : graph_(graph), pending_(graph.values.size()) {}

void Updates::count_use(ValueId parameter) { ++pending_[parameter.at()].uses; }

ValueId Updates::new_gradient(ValueId parameter) {
  const Value& param = graph_[parameter];
  Value value;
  value.name = param.name + ".grad";
  value.type = param.type;
  value.kind = ValueKind::gradient;
  value.layer = param.layer;
  value.of = parameter;
  return graph_.add(std::move(value));
}

Node Updates::node(ValueId parameter, Section section, Literal kernel, Literal purpose) const {
  Node node;
  node.layer = graph_[parameter].layer;
  node.phase = Phase::update;
  node.section = section;
  node.kernel = kernel;
  node.purpose = purpose;
  return node;
}

void Updates::contribute(LayerId layer, ValueId parameter, ValueId gradient) {
  Pending& pending = pending_[parameter.at()];
  const bool micro_steps = graph_.train.micro_steps > 1;
  if (!micro_steps && !pending.gradient.valid()) {
    pending.gradient = gradient;
    return;
  }
  if (micro_steps) pending.gradient = sum_over_micro_steps(parameter);
  const Literal purpose = micro_steps ? Literal("the sum over micro-steps") : Literal("the sum over the layers that share the weight");
  graph_.nodes.push_back(accumulate(layer, graph_[parameter].type, pending.gradient, gradient, purpose));
}

ValueId Updates::sum_over_micro_steps(ValueId parameter) {
  ValueId sum = pending_[parameter.at()].gradient;
  if (sum.valid()) return sum;
  sum = new_gradient(parameter);
  graph_[sum].name = graph_[parameter].name + ".gradsum";
  return sum;
}

ValueId Updates::sum_for(LayerId layer, ValueId parameter) {
  Pending& pending = pending_[parameter.at()];
  if (graph_.train.micro_steps > 1) return pending.gradient = sum_over_micro_steps(parameter);
  if (pending.gradient.valid()) return pending.gradient;
  pending.gradient = new_gradient(parameter);
  Node fill = node(parameter, Section::micro, "zero_fill", "starts the gradient");
  fill.layer = layer;
  fill.phase = Phase::backward;
  fill.outputs = {pending.gradient};
  fill.desc = count_desc("CountDesc", type_bytes(graph_[parameter].type, 1).value());
  graph_.nodes.push_back(std::move(fill));
  return pending.gradient;
}

void Updates::layer_done(LayerId layer) {
  for (size_t i = 0; i < graph_[layer].params.size(); ++i) {
    const ValueId parameter = graph_[layer].params[i];
    Pending& pending = pending_[parameter.at()];
    if (--pending.uses > 0 || !pending.gradient.valid()) continue;
    parameters_.push_back(parameter);
    if (!together()) update(parameter, Section::micro);
  }
}

void Updates::finish() {
  if (!together()) return;
  if (graph_.train.micro_steps > 1) {
    // Zeroing comes first in the step; it is written last because only now all sums are known.
    std::vector<Node> zero;
    for (ValueId parameter : parameters_) {
      Node fill = node(parameter, Section::begin, "zero_fill", "starts the sum over micro-steps");
      fill.outputs = {pending_[parameter.at()].gradient};
      fill.desc = count_desc("CountDesc", type_bytes(graph_[parameter].type, 1).value());
      zero.push_back(std::move(fill));
    }
    graph_.nodes.insert(graph_.nodes.begin(), zero.begin(), zero.end());
  }
  if (graph_.train.clip > 0) clip();
  for (ValueId parameter : parameters_) update(parameter, Section::update);
}

void Updates::clip() {
  Value norm;
  norm.name = "gradient_norm";
  norm.type = {DType::f64, {1}, false};
  norm.kind = ValueKind::aux;
  norm.what = "the sum of squares of all gradients";
  const ValueId sum = graph_.add(std::move(norm));
  Node zero = node(parameters_.front(), Section::update, "zero_fill", "starts the norm of all gradients");
  zero.outputs = {sum};
  zero.desc = count_desc("CountDesc", 8);
  graph_.nodes.push_back(std::move(zero));
  for (ValueId parameter : parameters_) {
    Node square = node(parameter, Section::update, "square_sum", "the norm of all gradients");
    square.outputs = {sum};
    square.inputs = {pending_[parameter.at()].gradient};
    const int64_t count = elements(graph_[parameter].type.shape).value();
    square.desc = count_desc("CountDesc", count);
    square.work.flops = 2 * count;
    graph_.nodes.push_back(std::move(square));
  }
  for (ValueId parameter : parameters_) {
    const ValueId gradient = pending_[parameter.at()].gradient;
    Node scale = node(parameter, Section::update, "clip_scale", "clipping by the global norm");
    scale.outputs = {gradient};
    scale.inputs = {sum};
    scale.work.flops = elements(graph_[parameter].type.shape).value();
    scale.desc = count_desc("ClipDesc", scale.work.flops);
    scale.adds = true;
    scale.desc.add_real("limit", graph_.train.clip);
    graph_.nodes.push_back(std::move(scale));
  }
}

ValueId Updates::optimizer_state(ValueId parameter, const char* suffix) {
  const Value& param = graph_[parameter];
  Value value;
  value.name = fmt::format("{}.{}", param.name, suffix);
  value.type = param.type;
  value.kind = ValueKind::optimizer;
  value.layer = param.layer;
  value.of = parameter;
  value.init = {InitKind::constant, 0};
  return graph_.add(std::move(value));
}

Desc Updates::describe(ValueId parameter, int64_t count) const {
  const TrainSettings& train = graph_.train;
  const double decay = decays(graph_[parameter], train.decay_scope) ? train.decay : 0;
  switch (train.optimizer) {
    case OptimizerKind::sgd:
      return count_desc("SgdDesc", count).add_real("momentum", train.momentum).add_real("decay", decay).add("nesterov", train.nesterov);
    case OptimizerKind::rmsprop:
      return count_desc("RmspropDesc", count).add_real("keep", train.rms_keep).add_real("eps", train.eps)
          .add_real("momentum", train.momentum).add_real("decay", decay);
    case OptimizerKind::adam:
    case OptimizerKind::adamw: break;
  }
  return count_desc("AdamDesc", count).add_real("beta1", train.beta1).add_real("beta2", train.beta2).add_real("eps", train.eps)
      .add_real("decay", decay).add("decoupled", train.optimizer == OptimizerKind::adamw);
}

void Updates::update(ValueId parameter, Section section) {
  const TrainSettings& train = graph_.train;
  Node call = node(parameter, section, "", "the update");
  call.outputs = {parameter};
  switch (train.optimizer) {
    case OptimizerKind::sgd:
      call.kernel = "sgd_update";
      call.outputs.push_back(train.momentum > 0 ? optimizer_state(parameter, "momentum") : ValueId{});
      break;
    case OptimizerKind::rmsprop:
      call.kernel = "rmsprop_update";
      call.outputs.push_back(optimizer_state(parameter, "square_average"));
      call.outputs.push_back(train.momentum > 0 ? optimizer_state(parameter, "momentum") : ValueId{});
      break;
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      call.kernel = "adam_update";
      call.outputs.push_back(optimizer_state(parameter, "m"));
      call.outputs.push_back(optimizer_state(parameter, "v"));
      break;
  }
  call.inputs = {pending_[parameter.at()].gradient};
  const int64_t count = elements(graph_[parameter].type.shape).value();
  call.desc = describe(parameter, count);
  call.work.flops = count * update_flops(train, train.decay > 0 && decays(graph_[parameter], train.decay_scope));
  graph_.nodes.push_back(std::move(call));
}

}  // namespace netc
