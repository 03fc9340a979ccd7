// What an exact search has found to be impossible, so that it is not tried again.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace netc {

/// States of a search that lead nowhere: a set of unplaced buffers, and the floors of the sections in which they are live. The same buffers
/// over floors that are all at least as high lead nowhere either. Compared in full, so a hit is a proof.
template <class T>
class FailedStates {
 public:
  /// Bits are set for unplaced ids; all sets have `words` words.
  explicit FailedStates(size_t words) : words_(words) {}

  bool contains(std::span<const uint64_t> unplaced, std::span<const T> floors) const;
  /// Forgets everything first when that would take too much memory.
  void add(std::span<const uint64_t> unplaced, std::span<const T> floors);

 private:
  struct Entry {
    size_t floors;  ///< where they begin in floors_
    int next;       ///< entry of the same hash; -1: none
  };
  static constexpr size_t kMostBytes = size_t{64} << 20;

  size_t words_;
  std::unordered_map<uint64_t, int> newest_;  ///< entry by hash of the set
  std::vector<Entry> entries_;
  std::vector<uint64_t> sets_;  ///< words_ an entry
  std::vector<T> floors_;
};

extern template class FailedStates<int32_t>;
extern template class FailedStates<int64_t>;

}  // namespace netc
