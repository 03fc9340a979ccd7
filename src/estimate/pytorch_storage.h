// The tensors of a simulated PyTorch process: bytes that live as long as somebody refers to them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "estimate/pytorch_allocator.h"

namespace netc {

enum class PytorchRole : uint8_t {
  batch, parameter, state, optimizer, optimizer_temporary, gradient, activation, kept, activation_gradient, scratch, workspace, loss
};

/// What a tensor is, for people.
struct PytorchTag {
  PytorchRole role = PytorchRole::activation;
  int layer = -1;              ///< the layer that made it; -1: none
  std::string_view what = {};  ///< of `kept`: "int64 index of each maximum"
};

/// A tensor's bytes.
struct PytorchStorage {
  int64_t bytes = 0;
  PytorchTag tag;
  std::vector<int> savers;  ///< layers whose backward pass keeps it
};

/// No memory is left on the device.
struct PytorchOutOfMemory {};

class PytorchStorages {
 public:
  using Id = int;

  explicit PytorchStorages(int64_t capacity) : allocator_(capacity) {}

  /// A new storage with one reference. Throws PytorchOutOfMemory.
  Id make(int64_t bytes, const PytorchTag& tag);
  void hold(Id id) { ++at(id).references; }
  void release(Id id);
  /// One reference more, by the backward pass of `layer`; release_saved ends it.
  void save(Id id, int layer);
  void release_saved(Id id, int layer);

  int references(Id id) const { return all_[static_cast<size_t>(id)].references; }
  const PytorchTag& tag(Id id) const { return all_[static_cast<size_t>(id)].storage.tag; }
  const PytorchAllocator::Stats& stats() const { return allocator_.stats(); }

  /// How many storages were made when most bytes were requested.
  int64_t made_at_peak() const { return made_at_peak_; }
  /// Bytes of the storages that only a backward pass refers to, or that it refers to among others, the network's own and the batch apart.
  int64_t saved_bytes() const;
  /// All that live now.
  std::vector<PytorchStorage> live() const;
  int64_t made() const { return made_; }

 private:
  struct Entry {
    PytorchStorage storage;
    PytorchAllocator::Block block = -1;
    int references = 0;
  };
  Entry& at(Id id) { return all_[static_cast<size_t>(id)]; }

  PytorchAllocator allocator_;
  std::vector<Entry> all_;
  std::vector<Id> unused_;
  int64_t made_ = 0, made_at_peak_ = 0;
};

}  // namespace netc
