// Improves a packing that is above its bound by walking through orders of placement.
#pragma once

#include <span>

#include "plan/pack.h"

namespace netc {

/// Starts from the order of `packing`'s offsets; again and again lets a buffer that ends at the top be placed earlier, places all
/// buffers in that order, each in the lowest gap, and keeps the new order unless it is worse. Returns the best packing seen, `packing` if
/// none is better. Stops at or below `enough` or after about kRepackBudget comparisons of two buffers. Deterministic.
Packing repack(std::span<const Interval> intervals, Packing packing, int64_t enough);

constexpr int64_t kRepackBudget = 8'000'000;  ///< some 20 ms

}  // namespace netc
