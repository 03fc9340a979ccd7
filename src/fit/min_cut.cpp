#include "fit/min_cut.h"

#include <algorithm>

namespace netc {

void MinCut::add(int from, int to, int64_t capacity) {
  edges_.push_back({to, first_[static_cast<size_t>(from)], capacity});
  first_[static_cast<size_t>(from)] = static_cast<int>(edges_.size()) - 1;
  edges_.push_back({from, first_[static_cast<size_t>(to)], 0});
  first_[static_cast<size_t>(to)] = static_cast<int>(edges_.size()) - 1;
}

/// Distances from the source along edges with capacity left; false when the sink is out of reach.
bool MinCut::find_levels() {
  std::ranges::fill(level_, -1);
  level_[kSource] = 0;
  queue_.assign(1, kSource);
  for (size_t at = 0; at < queue_.size(); ++at) {
    const int from = queue_[at];
    for (int e = first_[static_cast<size_t>(from)]; e >= 0; e = edges_[static_cast<size_t>(e)].next) {
      const Edge& edge = edges_[static_cast<size_t>(e)];
      if (edge.left == 0 || level_[static_cast<size_t>(edge.to)] >= 0) continue;
      level_[static_cast<size_t>(edge.to)] = level_[static_cast<size_t>(from)] + 1;
      queue_.push_back(edge.to);
    }
  }
  return level_[kSink] >= 0;
}

/// Pushes flow along one shortest path; 0 when the level graph is exhausted. Without recursion: networks are deep.
int64_t MinCut::augment() {
  path_.clear();
  int at = kSource;
  while (at != kSink) {
    int& e = next_[static_cast<size_t>(at)];
    while (e >= 0 && (edges_[static_cast<size_t>(e)].left == 0 ||
                      level_[static_cast<size_t>(edges_[static_cast<size_t>(e)].to)] != level_[static_cast<size_t>(at)] + 1))
      e = edges_[static_cast<size_t>(e)].next;
    if (e >= 0) {
      path_.push_back(e);
      at = edges_[static_cast<size_t>(e)].to;
      continue;
    }
    if (at == kSource) return 0;
    // A dead end: back, and past the edge that led here.
    const int back = path_.back();
    path_.pop_back();
    at = edges_[static_cast<size_t>(back ^ 1)].to;
    next_[static_cast<size_t>(at)] = edges_[static_cast<size_t>(back)].next;
  }
  int64_t flow = kUnlimited;
  for (int e : path_) flow = std::min(flow, edges_[static_cast<size_t>(e)].left);
  for (int e : path_) {
    edges_[static_cast<size_t>(e)].left -= flow;
    edges_[static_cast<size_t>(e ^ 1)].left += flow;
  }
  return flow;
}

int64_t MinCut::solve() {
  int64_t value = 0;
  while (find_levels()) {
    next_ = first_;
    while (const int64_t flow = augment()) value += flow;
  }
  return value;
}

}  // namespace netc
