#include "estimate/pytorch_optimizer.h"

namespace netc {

void PytorchOptimizer::step() {
  step(decayed_, true);
  step(plain_, false);
  has_state_ = true;
}

/// _multi_tensor_sgd, _multi_tensor_adam and _multi_tensor_rmsprop of torch/optim. Decay that is part of the gradient (all but adamw's) makes a
/// copy of the gradients; adam and rmsprop make the square roots of their second moments. Adam has dropped the copy by then, rmsprop has not.
void PytorchOptimizer::step(const Group& group, bool decays) {
  const bool first = !has_state_, momentum = train_.momentum > 0;
  switch (train_.optimizer) {
    case OptimizerKind::sgd: {
      const std::vector<PytorchStorages::Id> gradients = decays ? temporaries(group) : std::vector<PytorchStorages::Id>{};
      if (first && momentum) make_state(group, 1);
      release(gradients);
      return;
    }
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      if (first) make_state(group, 2);
      if (decays && train_.optimizer == OptimizerKind::adam) release(temporaries(group));
      release(temporaries(group));
      return;
    case OptimizerKind::rmsprop: {
      if (first) make_state(group, momentum ? 2 : 1);
      const std::vector<PytorchStorages::Id> gradients = decays ? temporaries(group) : std::vector<PytorchStorages::Id>{};
      release(temporaries(group));
      release(gradients);
      return;
    }
  }
}

std::vector<PytorchStorages::Id> PytorchOptimizer::temporaries(const Group& group) {
  std::vector<PytorchStorages::Id> ids;
  for (const Parameter& parameter : group) ids.push_back(make_(parameter.bytes, {.role = PytorchRole::optimizer_temporary}));
  return ids;
}

void PytorchOptimizer::release(const std::vector<PytorchStorages::Id>& ids) {
  for (const PytorchStorages::Id id : ids) storages_.release(id);
}

void PytorchOptimizer::make_state(const Group& group, int tensors) {
  for (const Parameter& parameter : group)
    for (int i = 0; i < tensors; ++i) make_(parameter.bytes, {.role = PytorchRole::optimizer});
}

}  // namespace netc
