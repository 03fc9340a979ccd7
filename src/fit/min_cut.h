// A least cut between a source and a sink (Dinic 1970), for the choice of what to keep.
#pragma once

#include <cstdint>
#include <vector>

namespace netc {

/// Vertices 0 and 1 are the source and the sink. Capacities are whole numbers whose sum stays below 2^62.
class MinCut {
 public:
  static constexpr int kSource = 0, kSink = 1;
  static constexpr int64_t kUnlimited = int64_t{1} << 60;

  explicit MinCut(int vertices) : first_(static_cast<size_t>(vertices), -1), level_(static_cast<size_t>(vertices)), next_(static_cast<size_t>(vertices)) {}

  void add(int from, int to, int64_t capacity);
  /// The value of the least cut; afterwards `on_source_side` tells the side of each vertex.
  int64_t solve();
  bool on_source_side(int vertex) const { return level_[static_cast<size_t>(vertex)] >= 0; }

 private:
  struct Edge {
    int to, next;
    int64_t left;
  };

  bool find_levels();
  int64_t augment();

  std::vector<Edge> edges_;  ///< an edge and its reverse side by side
  std::vector<int> first_, level_, next_, queue_, path_;
};

}  // namespace netc
