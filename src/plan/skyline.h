// Skyline packing: fills the lowest gap of the ceiling over time first.
#pragma once

#include <optional>
#include "plan/sections.h"

namespace netc {

/// Which of the buffers that lie within the lowest plateau is placed on it.
enum class SkylineKey : uint8_t {
  widest_at_first,   ///< the earliest start that has any; of those the longest lifetime, then the largest
  largest_at_first,  ///< the earliest start; the largest
  widest,            ///< the longest lifetime anywhere on the plateau
  largest,           ///< the most bytes anywhere
  area,              ///< the largest bytes x lifetime anywhere
};

/// Takes the leftmost lowest plateau of the floors of all sections, places on it the buffer within it that `key` prefers, and where
/// none lies within it raises it to its lower neighbour. O(n log n) for widest_at_first, O(n^2) for the others.
/// Nothing when the highest end would reach `limit`.
std::optional<Packing> pack_skyline(const SectionProblem& problem, SkylineKey key, int64_t limit);

}  // namespace netc
