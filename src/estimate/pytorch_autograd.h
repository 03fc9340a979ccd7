// The autograd engine of a simulated PyTorch process: tensors, what the calls of a forward pass keep, and a backward pass through them.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "estimate/pytorch_storage.h"
#include "ir/eager.h"

namespace netc {

class PytorchAutograd {
 public:
  using Tensor = int;  ///< of this micro-step, but for those made by `lasting`

  struct LayerCalls {
    int layer = 0;
    const std::vector<EagerCall>& calls;
    std::span<const Tensor> inputs, params;
    Tensor target = -1;
    std::vector<bool> last_reads;  ///< of each input: nobody reads it after this layer
  };

  /// `make` allocates: it may throw PytorchOutOfMemory.
  using Make = std::function<PytorchStorages::Id(int64_t bytes, const PytorchTag&)>;

  PytorchAutograd(PytorchStorages& storages, Make make, int64_t batch) : storages_(storages), make_(std::move(make)), batch_(batch) {}

  /// A tensor that outlives the steps: a parameter (`learned`) or the batch. Takes over the reference.
  Tensor lasting(PytorchStorages::Id storage, int64_t bytes, bool learned);
  /// Runs a layer's calls; its result, with a reference that `drop` ends.
  Tensor forward(const LayerCalls& layer);
  PytorchStorages::Id storage(Tensor tensor) const { return tensors_[static_cast<size_t>(tensor)].storage; }
  void drop(Tensor tensor) { storages_.release(storage(tensor)); }
  /// From the loss back to every parameter. `at_layer` hears whose turn it is.
  void backward(Tensor loss, const std::function<void(int layer)>& at_layer);
  /// Forgets the tensors of the micro-step and what is still kept for one.
  void end_micro_step();

  /// The gradient of a parameter; -1: None.
  PytorchStorages::Id gradient(Tensor param) const { return gradients_[static_cast<size_t>(param)]; }
  void drop_gradients();
  /// Bytes of the workspace that the forward (main) and the backward (autograd) thread's cuBLAS handle takes at its first use.
  void set_blas_workspace(int64_t bytes) { blas_workspace_ = bytes; }

 private:
  struct Value {
    PytorchStorages::Id storage = -1;
    int64_t bytes = 0;
    bool needs_gradient = false, lasting = false;
    int layer = -1;
  };
  struct Gradient {
    PytorchStorages::Id storage = -1;
    int64_t bytes = 0;
    bool dense = true;  ///< false: a part of a tensor, or one value repeated
  };
  struct Node {
    const EagerCall* call;
    int layer;
    std::vector<Tensor> inputs;
    Tensor result;
    std::vector<PytorchStorages::Id> saved;
  };
  struct Frame;  ///< a layer that is being run

  Value& value(Tensor tensor) { return tensors_[static_cast<size_t>(tensor)]; }
  int64_t bytes_of(const Extent& extent) const;
  void first_use_of_blas(int thread);
  Tensor find(const Frame& frame, const EagerTensor& tensor, Tensor result) const;
  bool may_write_over(const Frame& frame, const EagerCall& call, size_t index) const;
  Tensor call(Frame& frame, size_t index);
  void record(const Frame& frame, const EagerCall& call, Tensor result, bool over, std::vector<PytorchStorages::Id> kept);
  void backward(Node& node);
  Gradient gradient_of(const Node& node, size_t input, const Gradient& dy);
  void deliver(Tensor tensor, Gradient gradient);
  void accumulate(Gradient& sum, const Gradient& more, int layer);
  void accumulate_into_parameter(Tensor param);

  PytorchStorages& storages_;
  Make make_;
  int64_t batch_, blas_workspace_ = 0;
  bool blas_used_[2] = {false, false};
  std::vector<Value> tensors_;
  size_t lasting_ = 0;
  std::vector<Gradient> pending_;  ///< by tensor: what its consumers gave so far
  std::vector<int> uses_;          ///< of parameters, in this micro-step
  std::vector<PytorchStorages::Id> gradients_;
  std::vector<Node> nodes_;
};

}  // namespace netc
