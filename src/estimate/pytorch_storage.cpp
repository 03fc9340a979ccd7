#include "estimate/pytorch_storage.h"

#include <algorithm>

namespace netc {

PytorchStorages::Id PytorchStorages::make(int64_t bytes, const PytorchTag& tag) {
  const int64_t before = stats().max_requested;
  const std::optional<PytorchAllocator::Block> block = allocator_.allocate(bytes);
  if (!block) throw PytorchOutOfMemory{};
  ++made_;
  if (stats().max_requested > before) made_at_peak_ = made_;
  if (unused_.empty()) {
    unused_.push_back(static_cast<Id>(all_.size()));
    all_.emplace_back();
  }
  const Id id = unused_.back();
  unused_.pop_back();
  at(id) = {.storage = {.bytes = bytes, .tag = tag, .savers = {}}, .block = *block, .references = 1};
  return id;
}

void PytorchStorages::release(Id id) {
  if (--at(id).references > 0) return;
  allocator_.free(at(id).block);
  unused_.push_back(id);
}

void PytorchStorages::save(Id id, int layer) {
  hold(id);
  at(id).storage.savers.push_back(layer);
}

void PytorchStorages::release_saved(Id id, int layer) {
  std::vector<int>& savers = at(id).storage.savers;
  savers.erase(std::find(savers.begin(), savers.end(), layer));
  release(id);
}

int64_t PytorchStorages::saved_bytes() const {
  int64_t sum = 0;
  for (const Entry& entry : all_) {
    const PytorchRole role = entry.storage.tag.role;
    if (entry.references > 0 && !entry.storage.savers.empty() && (role == PytorchRole::activation || role == PytorchRole::kept)) sum += entry.storage.bytes;
  }
  return sum;
}

std::vector<PytorchStorage> PytorchStorages::live() const {
  std::vector<PytorchStorage> list;
  for (const Entry& entry : all_)
    if (entry.references > 0 && entry.storage.bytes > 0) list.push_back(entry.storage);
  return list;
}

}  // namespace netc
