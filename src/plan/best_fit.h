// Best-fit packing: buffers in a given order, each into a gap between those already placed.
#pragma once

#include <optional>
#include <span>

#include "plan/pack.h"

namespace netc {

/// Places the intervals in `order` (indices), each into the smallest gap among those live at the same time that holds it
/// (`tightest`), or into the lowest. O(n^2). Nothing when the highest end would reach `limit`.
std::optional<Packing> pack_best_fit(std::span<const Interval> intervals, std::span<const int> order, bool tightest, int64_t limit);

}  // namespace netc
