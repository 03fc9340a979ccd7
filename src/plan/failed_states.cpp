#include "plan/failed_states.h"

#include <algorithm>

namespace netc {

namespace {

uint64_t hash_of(std::span<const uint64_t> words) {
  uint64_t hash = 0x9e3779b97f4a7c15;
  for (uint64_t word : words) {
    hash = (hash ^ word) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

template <class T>
bool FailedStates<T>::contains(std::span<const uint64_t> unplaced, std::span<const T> floors) const {
  const auto newest = newest_.find(hash_of(unplaced));
  if (newest == newest_.end()) return false;
  for (int at = newest->second; at >= 0; at = entries_[static_cast<size_t>(at)].next) {
    const auto entry = static_cast<size_t>(at);
    if (!std::equal(unplaced.begin(), unplaced.end(), sets_.begin() + static_cast<std::ptrdiff_t>(entry * words_))) continue;
    // The set says which sections have floors, so there are as many.
    const T* const failed = floors_.data() + entries_[entry].floors;
    if (std::equal(floors.begin(), floors.end(), failed, [](T here, T there) { return here >= there; })) return true;
  }
  return false;
}

template <class T>
void FailedStates<T>::add(std::span<const uint64_t> unplaced, std::span<const T> floors) {
  constexpr size_t kOverhead = sizeof(Entry) + 48;  // with what the map takes for a key
  if (entries_.size() * kOverhead + sets_.size() * sizeof(uint64_t) + floors_.size() * sizeof(T) > kMostBytes) {
    newest_.clear();
    entries_.clear();
    sets_.clear();
    floors_.clear();
  }
  const auto [at, fresh] = newest_.try_emplace(hash_of(unplaced), -1);
  entries_.push_back({floors_.size(), at->second});
  at->second = static_cast<int>(entries_.size()) - 1;
  sets_.insert(sets_.end(), unplaced.begin(), unplaced.end());
  floors_.insert(floors_.end(), floors.begin(), floors.end());
}

template class FailedStates<int32_t>;
template class FailedStates<int64_t>;

}  // namespace netc
