#include "plan/exact_state.h"

#include <algorithm>

namespace netc {

template <class T>
PlacementState<T>::PlacementState(const SectionProblem& problem, T capacity)
    : first_(problem.first), last_(problem.last), size_(problem.bytes.begin(), problem.bytes.end()) {
  const auto count = static_cast<size_t>(problem.sections);
  lowest_.assign(size_.size(), 0);
  offset_.assign(size_.size(), 0);
  floor_.assign(count, 0);
  room_.assign(count, capacity);
  unplaced_.assign(count, 0);
  crossing_.assign(count, 0);
  candidates_.assign(count, 0);
  started_.assign(count + 1, 0);
  for (int id = 0; id < buffers(); ++id) {
    count_unplaced(id, 1);
    ++started_[static_cast<size_t>(first(id)) + 1];
    for (int s = first(id); s <= last(id); ++s) ++candidates_[static_cast<size_t>(s)];
  }
  for (size_t s = 1; s < started_.size(); ++s) started_[s] += started_[s - 1];
  cover_start_.assign(1, 0);
  for (int unplaced : unplaced_) cover_start_.push_back(cover_start_.back() + unplaced);
  cover_.resize(static_cast<size_t>(cover_start_.back()));
  std::vector<int> next(cover_start_);
  for (int id = 0; id < buffers(); ++id)
    for (int s = first(id); s <= last(id); ++s) cover_[static_cast<size_t>(next[static_cast<size_t>(s)]++)] = id;
}

template <class T>
std::span<const int> PlacementState<T>::cover(int section) const {
  const auto begin = static_cast<size_t>(cover_start_[static_cast<size_t>(section)]), end = static_cast<size_t>(cover_start_[static_cast<size_t>(section) + 1]);
  return std::span(cover_).subspan(begin, end - begin);
}

/// The buffer joins (1) or leaves (-1) those that are unplaced.
template <class T>
void PlacementState<T>::count_unplaced(int id, int change) {
  const auto begin = static_cast<size_t>(first(id)), end = static_cast<size_t>(last(id)) + 1;
  const T bytes = size(id) * static_cast<T>(change);
  for (size_t s = begin; s < end; ++s) {
    room_[s] -= bytes;
    unplaced_[s] += change;
  }
  for (size_t s = begin; s + 1 < end; ++s) crossing_[s] += change;
}

template <class T>
bool PlacementState<T>::place(int id) {
  const T at = lowest(id);
  trail_.push_back({What::placed, id, 0, at});
  offset_[static_cast<size_t>(id)] = at;
  lowest_[static_cast<size_t>(id)] = kPlaced;
  count_unplaced(id, -1);
  for (auto s = static_cast<size_t>(first(id)); s <= static_cast<size_t>(last(id)); ++s) candidates_[s] -= floor_[s] == at;
  touched_first_ = sections();
  touched_last_ = -1;
  return raise_floors(first(id), last(id), at + size(id)) && settle();
}

template <class T>
bool PlacementState<T>::raise(int section, T floor) {
  touched_first_ = sections();
  touched_last_ = -1;
  return raise_floors(section, section, floor) && settle();
}

/// Raises the floors of [first, last], all lower, and the buffers that are live there with them.
template <class T>
bool PlacementState<T>::raise_floors(int first, int last, T floor) {
  T excess = 0;
  for (auto s = static_cast<size_t>(first); s <= static_cast<size_t>(last); ++s) {
    trail_.push_back({What::raised, static_cast<int>(s), candidates_[s], floor_[s]});
    floor_[s] = floor;
    candidates_[s] = 0;
    excess = std::max<T>(excess, floor - room_[s]);
  }
  if (excess > 0) {
    shortfall_ = std::min(shortfall_, excess);
    return false;
  }
  touched_first_ = std::min(touched_first_, first);
  touched_last_ = std::max(touched_last_, last);
  for (int id = 0, end = started(last); id < end; ++id) {
    if (last_[static_cast<size_t>(id)] < first || lowest(id) > floor) continue;  // what is placed is at kPlaced
    if (lowest(id) < floor) {
      lift(id, floor);
      continue;
    }
    const int low = std::max(first, this->first(id)), high = std::min(last, this->last(id));
    for (int s = low; s <= high; ++s) ++candidates_[static_cast<size_t>(s)];
  }
  return true;
}

template <class T>
void PlacementState<T>::lift(int id, T to) {
  const T from = lowest(id);
  trail_.push_back({What::lifted, id, 0, from});
  lowest_[static_cast<size_t>(id)] = to;
  const int begin = first(id), count = last(id) - begin + 1;
  const T* const floors = floor_.data() + begin;
  int* const candidates = candidates_.data() + begin;
  for (int i = 0; i < count; ++i) candidates[i] += (floors[i] == to ? 1 : 0) - (floors[i] == from ? 1 : 0);
  touched_first_ = std::min(touched_first_, begin);
  touched_last_ = std::max(touched_last_, begin + count - 1);
}

/// Floors follow where none of a section's buffers lies on them any more.
template <class T>
bool PlacementState<T>::settle() {
  for (bool again = true; again;) {
    again = false;
    for (int s = touched_first_; s <= touched_last_; ++s) {
      if (candidates(s) != 0 || unplaced(s) == 0) continue;
      T least = kPlaced;
      for (int id : cover(s)) least = std::min(least, lowest(id));
      if (!raise_floors(s, s, least)) return false;
      again = true;
    }
  }
  return true;
}

template <class T>
void PlacementState<T>::undo(size_t mark) {
  for (; trail_.size() > mark; trail_.pop_back()) {
    const Change& change = trail_.back();
    const auto index = static_cast<size_t>(change.index);
    if (change.what == What::raised) {
      floor_[index] = change.value;
      candidates_[index] = change.candidates;
      continue;
    }
    const T now = lowest_[index], before = change.value;
    lowest_[index] = before;
    const int begin = first_[index], count = last_[index] - begin + 1;
    const T* const floors = floor_.data() + begin;
    int* const candidates = candidates_.data() + begin;
    if (change.what == What::placed) {
      count_unplaced(change.index, 1);
      for (int i = 0; i < count; ++i) candidates[i] += floors[i] == before ? 1 : 0;
    } else {
      for (int i = 0; i < count; ++i) candidates[i] += (floors[i] == before ? 1 : 0) - (floors[i] == now ? 1 : 0);
    }
  }
}

template class PlacementState<int32_t>;
template class PlacementState<int64_t>;

}  // namespace netc
