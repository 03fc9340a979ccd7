// A packing under way: some buffers placed, and what follows from them for the others.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "plan/sections.h"

namespace netc {

/// Buffers are placed bottom up: none that is placed later lies below one placed before at the same time. Each section has a floor, below
/// which no unplaced buffer that is live there can lie, and each unplaced buffer a lowest offset, the highest floor of its sections. A floor
/// is never below the lowest offset of the buffers of its section. What a section's unplaced buffers take must fit between floor and capacity.
/// T holds sums of sizes: int32_t where they fit, which is faster.
template <class T>
class PlacementState {
 public:
  static constexpr T kPlaced = std::numeric_limits<T>::max();

  /// The ids of `problem` must be sorted by first section, and its sizes positive.
  PlacementState(const SectionProblem& problem, T capacity);

  /// Puts a buffer at its lowest offset. False when another no longer fits; then only undo() may follow.
  bool place(int id);
  /// Says that nothing unplaced lies below `floor`, which is above the section's, in `section`. False as place().
  bool raise(int section, T floor);

  size_t mark() const { return trail_.size(); }
  void undo(size_t mark);

  int buffers() const { return static_cast<int>(size_.size()); }
  int sections() const { return static_cast<int>(floor_.size()); }
  int first(int id) const { return first_[static_cast<size_t>(id)]; }
  int last(int id) const { return last_[static_cast<size_t>(id)]; }
  T size(int id) const { return size_[static_cast<size_t>(id)]; }
  bool placed(int id) const { return lowest(id) == kPlaced; }
  T lowest(int id) const { return lowest_[static_cast<size_t>(id)]; }
  T offset(int id) const { return offset_[static_cast<size_t>(id)]; }
  T floor(int section) const { return floor_[static_cast<size_t>(section)]; }
  std::span<const T> floors(int first, int last) const { return std::span(floor_).subspan(static_cast<size_t>(first), static_cast<size_t>(last - first + 1)); }
  /// Bytes of the section that may stay empty.
  T slack(int section) const { return room_[static_cast<size_t>(section)] - floor(section); }
  int unplaced(int section) const { return unplaced_[static_cast<size_t>(section)]; }
  /// Whether an unplaced buffer is live in `section` and the next.
  bool crossed(int section) const { return crossing_[static_cast<size_t>(section)] > 0; }
  /// Unplaced buffers of the section that would lie on its floor.
  int candidates(int section) const { return candidates_[static_cast<size_t>(section)]; }
  /// Ids that are live in `section`, placed ones too.
  std::span<const int> cover(int section) const;
  /// Ids below this start at or before `section`.
  int started(int section) const { return started_[static_cast<size_t>(section) + 1]; }

  /// The least by which the capacity would have to grow for any of the failures so far not to be one.
  T shortfall() const { return shortfall_; }

 private:
  enum class What : uint8_t { placed, lifted, raised };
  struct Change {
    What what;
    int index;
    int candidates;  ///< before
    T value;         ///< before
  };

  void lift(int id, T to);
  bool raise_floors(int first, int last, T floor);
  bool settle();
  void count_unplaced(int id, int change);

  std::vector<int> first_, last_;
  std::vector<T> size_, lowest_, offset_;
  std::vector<T> floor_, room_;  ///< room: the highest floor that leaves room for what is unplaced
  std::vector<int> unplaced_, crossing_, candidates_;
  std::vector<int> cover_, cover_start_, started_;
  std::vector<Change> trail_;
  int touched_first_ = 0, touched_last_ = -1;  ///< sections whose candidates may have gone
  T shortfall_ = std::numeric_limits<T>::max();
};

extern template class PlacementState<int32_t>;
extern template class PlacementState<int64_t>;

}  // namespace netc
