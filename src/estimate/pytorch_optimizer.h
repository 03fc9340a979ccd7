// torch.optim in a simulated PyTorch process, foreach implementation (the default on CUDA): state and temporaries.
#pragma once

#include <vector>

#include "estimate/pytorch_autograd.h"
#include "ir/graph.h"

namespace netc {

class PytorchOptimizer {
 public:
  struct Parameter {
    PytorchAutograd::Tensor tensor;
    int64_t bytes;
    bool decays;
  };

  PytorchOptimizer(const TrainSettings& train, PytorchStorages& storages, const PytorchAutograd::Make& make)
      : train_(train), storages_(storages), make_(make) {}

  void add(const Parameter& parameter) { (train_.decay > 0 && parameter.decays ? decayed_ : plain_).push_back(parameter); }
  /// One step, parameter group by parameter group: those that decay, then the others.
  void step();

 private:
  using Group = std::vector<Parameter>;

  void step(const Group& group, bool decays);
  /// A tensor for each parameter of the group, at once.
  std::vector<PytorchStorages::Id> temporaries(const Group& group);
  void release(const std::vector<PytorchStorages::Id>& ids);
  /// `tensors` for each parameter, which stay.
  void make_state(const Group& group, int tensors);

  const TrainSettings& train_;
  PytorchStorages& storages_;
  const PytorchAutograd::Make& make_;
  Group decayed_, plain_;
  bool has_state_ = false;
};

}  // namespace netc
