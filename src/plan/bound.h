// The least arena any packing of given lifetimes can have.
#pragma once

#include <span>

#include "plan/pack.h"

namespace netc {

struct LivenessBound {
  int64_t bytes = 0;  ///< largest sum of live bytes at one position
  int position = 0;   ///< the first position where it is reached
};

/// Sweeps over the positions [0, positions); linear. Throws nothing; the sum of all bytes must fit in 63 bits.
LivenessBound liveness_bound(std::span<const Interval> intervals, int positions);

}  // namespace netc
