#include "estimate/pytorch_autograd.h"

#include <algorithm>
#include <utility>

#include "support/check.h"

namespace netc {

namespace {
constexpr int kForwardThread = 0, kBackwardThread = 1;
}

struct PytorchAutograd::Frame {
  const LayerCalls& layer;
  std::vector<Tensor> made = {};
  std::vector<size_t> last_use = {};  ///< of each call's result, within the layer

  explicit Frame(const LayerCalls& layer) : layer(layer), last_use(layer.calls.size(), layer.calls.size()) {
    for (size_t i = 0; i < layer.calls.size(); ++i)
      for (const EagerInput& input : layer.calls[i].inputs)
        if (input.tensor.kind == EagerTensor::Kind::made) last_use[static_cast<size_t>(input.tensor.index)] = i;
  }
};

PytorchAutograd::Tensor PytorchAutograd::lasting(PytorchStorages::Id storage, int64_t bytes, bool learned) {
  NETC_CHECK(tensors_.size() == lasting_, "lasting tensors come before those of a step");
  tensors_.push_back({.storage = storage, .bytes = bytes, .needs_gradient = learned, .lasting = true});
  gradients_.push_back(-1);
  uses_.push_back(0);
  pending_.emplace_back();
  return static_cast<Tensor>(lasting_++);
}

int64_t PytorchAutograd::bytes_of(const Extent& extent) const {
  const Size bytes = extent.at(batch_);
  if (!bytes.ok()) throw PytorchOutOfMemory{};
  return bytes.value();
}

void PytorchAutograd::first_use_of_blas(int thread) {
  if (std::exchange(blas_used_[thread], true)) return;
  make_(blas_workspace_, {.role = PytorchRole::workspace});
}

PytorchAutograd::Tensor PytorchAutograd::find(const Frame& frame, const EagerTensor& tensor, Tensor result) const {
  const auto index = static_cast<size_t>(tensor.index);
  switch (tensor.kind) {
    case EagerTensor::Kind::x: return frame.layer.inputs[index];
    case EagerTensor::Kind::made: return frame.made[index];
    case EagerTensor::Kind::param: return frame.layer.params[index];
    case EagerTensor::Kind::result: return result;
    case EagerTensor::Kind::target: return frame.layer.target;
  }
  NETC_CHECK(false, "an operand of no kind");
}

/// In place only over a tensor that nobody keeps for a backward pass, reads later or knows by another name.
bool PytorchAutograd::may_write_over(const Frame& frame, const EagerCall& call, size_t index) const {
  const EagerTensor& input = call.inputs[0].tensor;
  const Value& over = tensors_[static_cast<size_t>(find(frame, input, -1))];
  if (over.lasting || storages_.references(over.storage) != 1) return false;
  const auto which = static_cast<size_t>(input.index);
  return input.kind == EagerTensor::Kind::x ? frame.layer.last_reads[which] : frame.last_use[which] == index;
}

void PytorchAutograd::record(const Frame& frame, const EagerCall& call, Tensor result, bool over, std::vector<PytorchStorages::Id> kept) {
  Node node{.call = &call, .layer = frame.layer.layer, .inputs = {}, .result = result, .saved = std::move(kept)};
  for (const EagerInput& input : call.inputs) {
    node.inputs.push_back(find(frame, input.tensor, result));
    if (input.tensor.kind == EagerTensor::Kind::param) ++uses_[static_cast<size_t>(node.inputs.back())];
  }
  for (const PytorchStorages::Id id : node.saved) storages_.save(id, node.layer), storages_.release(id);
  const std::vector<EagerTensor> in_place{{EagerTensor::Kind::result, 0}};
  for (const EagerTensor& tensor : over ? in_place : call.saves) {
    const Tensor saved = find(frame, tensor, result);
    if (saved < 0) continue;
    node.saved.push_back(value(saved).storage);
    storages_.save(node.saved.back(), node.layer);
  }
  nodes_.push_back(std::move(node));
}

PytorchAutograd::Tensor PytorchAutograd::call(Frame& frame, size_t index) {
  const EagerCall& call = frame.layer.calls[index];
  const int layer = frame.layer.layer;
  const auto needs = [&](const EagerInput& input) { return input.gradient != EagerGradient::none && value(find(frame, input.tensor, -1)).needs_gradient; };
  const bool needs_gradient = std::ranges::any_of(call.inputs, needs);
  if (call.blas) first_use_of_blas(kForwardThread);
  const bool over = call.result == EagerResult::over && may_write_over(frame, call, index);
  Value made{.bytes = bytes_of(call.bytes), .needs_gradient = needs_gradient, .layer = layer};
  if (over || call.result == EagerResult::view) {
    made.storage = value(find(frame, call.inputs[0].tensor, -1)).storage;
    storages_.hold(made.storage);
  } else {
    const bool loss = frame.layer.target >= 0 && index + 1 == frame.layer.calls.size();
    made.storage = make_(made.bytes, {.role = loss ? PytorchRole::loss : PytorchRole::activation, .layer = layer});
  }
  tensors_.push_back(made);
  pending_.emplace_back();
  const auto result = static_cast<Tensor>(tensors_.size() - 1);
  std::vector<PytorchStorages::Id> kept;
  for (const EagerKept& each : call.kept) kept.push_back(make_(bytes_of(each.bytes), {.role = PytorchRole::kept, .layer = layer, .what = each.what}));
  storages_.release(make_(bytes_of(call.scratch), {.role = PytorchRole::scratch, .layer = layer}));
  if (needs_gradient) {
    record(frame, call, result, over, std::move(kept));
  } else {
    for (const PytorchStorages::Id id : kept) storages_.release(id);
  }
  return result;
}

PytorchAutograd::Tensor PytorchAutograd::forward(const LayerCalls& layer) {
  Frame frame(layer);
  for (size_t i = 0; i < layer.calls.size(); ++i) {
    frame.made.push_back(call(frame, i));
    for (size_t k = 0; k < i; ++k)
      if (frame.last_use[k] == i) drop(frame.made[k]);
  }
  return frame.made.back();
}

PytorchAutograd::Gradient PytorchAutograd::gradient_of(const Node& node, size_t input, const Gradient& dy) {
  const Value& of = value(node.inputs[input]);
  const EagerGradient kind = node.call->inputs[input].gradient;
  if (kind != EagerGradient::fresh) {
    storages_.hold(dy.storage);
    return {.storage = dy.storage, .bytes = of.bytes, .dense = kind == EagerGradient::passed && dy.dense};
  }
  const PytorchRole role = of.lasting ? PytorchRole::gradient : PytorchRole::activation_gradient;
  return {.storage = make_(of.bytes, {.role = role, .layer = of.layer}), .bytes = of.bytes};
}

void PytorchAutograd::backward(Node& node) {
  const Gradient dy = std::exchange(pending_[static_cast<size_t>(node.result)], {});
  if (dy.storage >= 0) {
    const EagerCall& call = *node.call;
    const PytorchTag scratch{.role = PytorchRole::scratch, .layer = node.layer};
    if (call.blas) first_use_of_blas(kBackwardThread);
    const PytorchStorages::Id together = make_(!dy.dense && !call.any_layout ? dy.bytes : 0, scratch);
    const PytorchStorages::Id temporary = make_(bytes_of(call.backward_scratch), scratch);
    std::vector<std::pair<Tensor, Gradient>> gradients;
    for (size_t i = 0; i < call.inputs.size(); ++i)
      if (call.inputs[i].gradient != EagerGradient::none && value(node.inputs[i]).needs_gradient)
        gradients.emplace_back(node.inputs[i], gradient_of(node, i, dy));
    storages_.release(together);
    storages_.release(temporary);
    storages_.release(dy.storage);
    for (const PytorchStorages::Id id : std::exchange(node.saved, {})) storages_.release_saved(id, node.layer);
    for (const auto& [tensor, gradient] : gradients) deliver(tensor, gradient);
  }
}

/// `sum` += `more`: in place where `sum` is a tensor of its own that nobody else refers to (torch/csrc/autograd/input_buffer.cpp).
void PytorchAutograd::accumulate(Gradient& sum, const Gradient& more, int layer) {
  if (sum.storage < 0) {
    sum = more;
    return;
  }
  const bool in_place = sum.dense && storages_.references(sum.storage) == 1;
  if (!in_place) {
    const PytorchStorages::Id made = make_(more.bytes, {.role = PytorchRole::activation_gradient, .layer = layer});
    storages_.release(sum.storage);
    sum = {.storage = made, .bytes = more.bytes};
  }
  storages_.release(more.storage);
}

/// All that use the parameter have given their share. Its gradient steals that sum where it can, else copies it; a gradient of an earlier
/// micro-step is added to (torch/csrc/autograd/functions/accumulate_grad.h).
void PytorchAutograd::accumulate_into_parameter(Tensor param) {
  PytorchStorages::Id& gradient = gradients_[static_cast<size_t>(param)];
  const Gradient given = std::exchange(pending_[static_cast<size_t>(param)], {});
  if (gradient < 0 && given.dense && storages_.references(given.storage) == 1) {
    gradient = given.storage;
    return;
  }
  if (gradient < 0) gradient = make_(given.bytes, {.role = PytorchRole::gradient});
  storages_.release(given.storage);
}

void PytorchAutograd::deliver(Tensor tensor, Gradient gradient) {
  const auto index = static_cast<size_t>(tensor);
  accumulate(pending_[index], gradient, value(tensor).layer);
  if (value(tensor).lasting && --uses_[index] == 0) accumulate_into_parameter(tensor);
}

void PytorchAutograd::backward(Tensor loss, const std::function<void(int layer)>& at_layer) {
  const int64_t bytes = value(loss).bytes;
  pending_[static_cast<size_t>(loss)] = {.storage = make_(bytes, {.role = PytorchRole::activation_gradient, .layer = value(loss).layer}), .bytes = bytes};
  for (size_t i = nodes_.size(); i-- > 0;) {
    at_layer(nodes_[i].layer);
    backward(nodes_[i]);
  }
}

void PytorchAutograd::end_micro_step() {
  for (Node& node : nodes_)
    for (const PytorchStorages::Id id : node.saved) storages_.release_saved(id, node.layer);
  nodes_.clear();
  tensors_.resize(lasting_);
  pending_.resize(lasting_);
  std::ranges::fill(uses_, 0);
}

void PytorchAutograd::drop_gradients() {
  for (PytorchStorages::Id& gradient : gradients_) {
    if (gradient >= 0) storages_.release(gradient);
    gradient = -1;
  }
}

}  // namespace netc
