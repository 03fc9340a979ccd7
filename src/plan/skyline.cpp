#include "plan/skyline.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <queue>

namespace netc {

namespace {

constexpr int kNone = std::numeric_limits<int>::max();

/// The smallest last section of the unplaced buffers that start at each section, and the first start at or after a given
/// one whose smallest is low enough.
class EarliestEnd {
 public:
  explicit EarliestEnd(int sections) {
    while (size_ < sections) size_ *= 2;
    tree_.assign(static_cast<size_t>(2 * size_), kNone);
  }

  void init(int section, int value) { tree_[static_cast<size_t>(size_ + section)] = value; }
  void build() {
    for (int i = size_ - 1; i > 0; --i) pull(i);
  }
  void set(int section, int value) {
    int i = size_ + section;
    tree_[static_cast<size_t>(i)] = value;
    for (i /= 2; i > 0; i /= 2) pull(i);
  }
  /// The first start >= `from` of a buffer that ends at or before `last`; kNone if there is none.
  int first_within(int from, int last) const {
    int i = size_ + from;
    while (at(i) > last) {
      while (i & 1) i /= 2;  // a right child: its parent's subtree is done
      if (i == 0) return kNone;
      ++i;
    }
    while (i < size_) i = at(2 * i) <= last ? 2 * i : 2 * i + 1;
    return i - size_;
  }

 private:
  int at(int i) const { return tree_[static_cast<size_t>(i)]; }
  void pull(int i) { tree_[static_cast<size_t>(i)] = std::min(at(2 * i), at(2 * i + 1)); }

  int size_ = 1;
  std::vector<int> tree_;
};

/// The unplaced buffers, sorted by start, end and size: finds neighbours among them in nearly constant time.
class Unplaced {
 public:
  explicit Unplaced(const SectionProblem& problem)
      : problem_(problem), order_(problem.bytes.size()), group_(static_cast<size_t>(problem.sections) + 1), earliest_(problem.sections) {
    std::iota(order_.begin(), order_.end(), 0);
    std::sort(order_.begin(), order_.end(), [&](int a, int b) {
      const size_t i = static_cast<size_t>(a), j = static_cast<size_t>(b);
      if (problem.first[i] != problem.first[j]) return problem.first[i] < problem.first[j];
      if (problem.last[i] != problem.last[j]) return problem.last[i] < problem.last[j];
      if (problem.bytes[i] != problem.bytes[j]) return problem.bytes[i] < problem.bytes[j];
      return a > b;
    });
    const int n = static_cast<int>(order_.size());
    next_.resize(order_.size() + 1);
    previous_.resize(order_.size() + 1);
    std::iota(next_.begin(), next_.end(), 0);
    std::iota(previous_.begin(), previous_.end(), 0);
    int i = 0;
    for (int section = 0; section <= problem.sections; ++section) {
      while (i < n && problem.first[id(i)] < section) ++i;
      group_[static_cast<size_t>(section)] = i;
      if (i < n && problem.first[id(i)] == section) earliest_.init(section, problem.last[id(i)]);
    }
    earliest_.build();
  }

  /// The first start >= `from` of an unplaced buffer that ends at or before `last`; kNone if there is none.
  int start_within(int from, int last) const { return earliest_.first_within(from, last); }

  /// The place of the unplaced buffer of the widest lifetime that starts at `start` and ends at or before `last`; one must exist.
  int widest(int start, int last) {
    int low = group_[static_cast<size_t>(start)], high = group_[static_cast<size_t>(start) + 1];
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (problem_.last[id(middle)] <= last ? low : high) = middle;
    }
    return find(previous_, low + 1) - 1;
  }

  /// The place of the unplaced buffer within [from, last] of the greatest `value`; with `at_first` only those of the earliest start count.
  template <class Value>
  int best(int from, int last, bool at_first, Value value) {
    int chosen = -1;
    for (int start = start_within(from, last); start != kNone; start = start + 1 <= last ? start_within(start + 1, last) : kNone) {
      const int end = group_[static_cast<size_t>(start) + 1];
      for (int i = find(next_, group_[static_cast<size_t>(start)]); i < end; i = find(next_, i + 1)) {
        if (problem_.last[id(i)] > last) break;
        if (chosen < 0 || value(id(i)) > value(id(chosen))) chosen = i;
      }
      if (at_first) break;
    }
    return chosen;
  }

  size_t id(int place) const { return static_cast<size_t>(order_[static_cast<size_t>(place)]); }

  void remove(int place) {
    next_[static_cast<size_t>(place)] = place + 1;
    previous_[static_cast<size_t>(place) + 1] = place;
    const int start = problem_.first[id(place)];
    const int alive = find(next_, group_[static_cast<size_t>(start)]);
    earliest_.set(start, alive < group_[static_cast<size_t>(start) + 1] ? problem_.last[id(alive)] : kNone);
  }

 private:
  static int find(std::vector<int>& link, int i) {
    while (link[static_cast<size_t>(i)] != i) {
      int& up = link[static_cast<size_t>(i)];
      up = link[static_cast<size_t>(up)];
      i = up;
    }
    return i;
  }

  const SectionProblem& problem_;
  std::vector<int> order_;     ///< ids by place
  std::vector<int> group_;     ///< first place of each start
  std::vector<int> next_;      ///< union-find: the place itself or the next unplaced one
  std::vector<int> previous_;  ///< the same backwards, shifted by one
  EarliestEnd earliest_;
};

/// The floors of all sections as plateaus of equal floor, and the leftmost lowest of them.
class Skyline {
 public:
  struct Plateau {
    int first, last;
    int64_t floor;
  };

  explicit Skyline(int sections)
      : sections_(sections), floor_(static_cast<size_t>(sections)), last_(static_cast<size_t>(sections), -1), first_(static_cast<size_t>(sections)) {
    add({0, sections - 1, 0});
  }

  Plateau lowest() {
    while (true) {
      const auto [floor, first] = heap_.top();
      const size_t f = static_cast<size_t>(first);
      if (last_[f] >= 0 && floor_[f] == floor) return {first, last_[f], floor};
      heap_.pop();
    }
  }

  /// Puts `bytes` on the sections [first, last] of `plateau`.
  void place(Plateau plateau, int first, int last, int64_t bytes) {
    if (bytes == 0) return;
    last_[static_cast<size_t>(plateau.first)] = -1;
    if (plateau.first < first) add({plateau.first, first - 1, plateau.floor});
    if (last < plateau.last) add({last + 1, plateau.last, plateau.floor});
    add_merged({first, last, plateau.floor + bytes});
  }

  /// Raises `plateau` to its lower neighbour; one must exist.
  void raise(Plateau plateau) {
    int64_t floor = std::numeric_limits<int64_t>::max();
    if (plateau.first > 0) floor = std::min(floor, floor_[static_cast<size_t>(first_[static_cast<size_t>(plateau.first) - 1])]);
    if (plateau.last + 1 < sections_) floor = std::min(floor, floor_[static_cast<size_t>(plateau.last) + 1]);
    last_[static_cast<size_t>(plateau.first)] = -1;
    plateau.floor = floor;
    add_merged(plateau);
  }

 private:
  void add(Plateau p) {
    floor_[static_cast<size_t>(p.first)] = p.floor;
    last_[static_cast<size_t>(p.first)] = p.last;
    first_[static_cast<size_t>(p.last)] = p.first;
    heap_.push({p.floor, p.first});
  }

  void add_merged(Plateau p) {
    if (p.first > 0) {
      const int left = first_[static_cast<size_t>(p.first) - 1];
      if (floor_[static_cast<size_t>(left)] == p.floor) {
        last_[static_cast<size_t>(left)] = -1;
        p.first = left;
      }
    }
    const size_t right = static_cast<size_t>(p.last) + 1;
    if (p.last + 1 < sections_ && floor_[right] == p.floor) {
      p.last = last_[right];
      last_[right] = -1;
    }
    add(p);
  }

  using Entry = std::pair<int64_t, int>;  // floor, first section; outdated entries are dropped when they come up
  int sections_;
  std::vector<int64_t> floor_;  ///< by first section
  std::vector<int> last_;       ///< by first section; -1: no plateau starts here
  std::vector<int> first_;      ///< by last section
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> heap_;
};

int choose(const SectionProblem& problem, Unplaced& unplaced, SkylineKey key, int start, int last) {
  const auto width = [&](size_t i) { return problem.width[i]; };
  const auto size = [&](size_t i) { return problem.bytes[i]; };
  switch (key) {
    case SkylineKey::widest_at_first:
      return unplaced.widest(start, last);
    case SkylineKey::largest_at_first:
      return unplaced.best(start, last, true, size);
    case SkylineKey::widest:
      return unplaced.best(start, last, false, width);
    case SkylineKey::largest:
      return unplaced.best(start, last, false, size);
    case SkylineKey::area:
      return unplaced.best(start, last, false, [&](size_t i) { return static_cast<double>(size(i)) * width(i); });
  }
  return -1;
}

}  // namespace

std::optional<Packing> pack_skyline(const SectionProblem& problem, SkylineKey key, int64_t limit) {
  Packing packing;
  packing.offsets.assign(problem.bytes.size(), 0);
  Unplaced unplaced(problem);
  Skyline skyline(problem.sections);
  for (size_t left = problem.bytes.size(); left > 0;) {
    const Skyline::Plateau plateau = skyline.lowest();
    const int start = unplaced.start_within(plateau.first, plateau.last);
    if (start == kNone) {
      skyline.raise(plateau);
      continue;
    }
    const int place = choose(problem, unplaced, key, start, plateau.last);
    const size_t id = unplaced.id(place);
    const int64_t end = plateau.floor + problem.bytes[id];
    if (end >= limit) return std::nullopt;
    packing.offsets[id] = plateau.floor;
    packing.end = std::max(packing.end, end);
    unplaced.remove(place);
    skyline.place(plateau, problem.first[id], problem.last[id], problem.bytes[id]);
    --left;
  }
  return packing;
}

}  // namespace netc
