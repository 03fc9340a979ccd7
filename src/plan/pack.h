// Packing: lifetimes to offsets. Buffers that are live at the same time may not share bytes; the highest end shall be low.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace netc {

/// A buffer to place: live from schedule position `first` to `last`, both included.
struct Interval {
  int first = 0;
  int last = 0;
  int64_t bytes = 0;
};

struct Packing {
  std::vector<int64_t> offsets;  ///< one for each interval, in their order; sums of sizes
  int64_t end = 0;               ///< highest byte used
  int64_t bound = 0;             ///< no packing ends below: the liveness bound, or more where a search has proven more
  bool optimal = false;          ///< end equals bound
};

/// How long to search, in nodes x the square of the number of buffers (of 200 where there are fewer), which is about the time of a node.
constexpr int64_t kQuickSearch = 2'000'000'000;       ///< some 0.1 s
constexpr int64_t kThoroughSearch = 200'000'000'000;  ///< half a minute

struct PackOptions {
  int64_t capacity = 0;  ///< an end at or below it is good enough; 0: only the bound is
  int64_t search = kQuickSearch;
};

/// Packs `intervals`, whose positions lie in [0, positions) and whose bytes sum to less than 2^63. What is live all the time lies at the bottom.
/// For the others first a portfolio of greedy placements in a fixed order, of which those that take O(n^2) are tried up to some thousands of
/// intervals only; stops at the first that is good enough. Then, up to as many, an exact search: whether the bound (or the capacity) can be
/// reached, then by bisection what can. Where it ends in time, the result is optimal and `bound` says so; else bound and end are a bracket.
/// Deterministic.
Packing pack(std::span<const Interval> intervals, int positions, const PackOptions& options = {});

}  // namespace netc
