// The least arena any packing of given lifetimes can have.
#pragma once

#include <span>
#include <vector>

#include "plan/pack.h"

namespace netc {

struct LivenessBound {
  int64_t bytes = 0;  ///< largest sum of live bytes at one position
  int position = 0;   ///< the first position where it is reached
};

/// Live bytes at each position of [0, positions), into `live`; linear.
void live_bytes(std::span<const Interval> intervals, int positions, std::vector<int64_t>& live);

/// The peak of such a profile.
LivenessBound peak_of(std::span<const int64_t> live);

/// Sweeps over the positions [0, positions); linear. Throws nothing; the sum of all bytes must fit in 63 bits.
LivenessBound liveness_bound(std::span<const Interval> intervals, int positions);

}  // namespace netc
