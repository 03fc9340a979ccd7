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

struct PackOptions {
  int64_t capacity = 0;  ///< an end at or below it is good enough; 0: only the bound is
};

/// Packs `intervals`, whose positions lie in [0, positions) and whose bytes sum to less than 2^63.
/// Tries a portfolio of greedy placements in a fixed order and stops at the first that reaches the liveness bound; else gives the best.
/// The first attempts take O(n log n); those that take O(n^2), and a walk through orders of placement, run up to some thousands of
/// intervals only. Deterministic.
Packing pack(std::span<const Interval> intervals, int positions, const PackOptions& options = {});

}  // namespace netc
