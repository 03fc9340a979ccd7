// An independent check of a packing: shares no code with the packer.
#pragma once

#include <span>
#include <string>

#include "plan/pack.h"

namespace netc {

/// What is wrong with `packing` of `intervals` (an overlap, a negative offset, a wrong end); empty when nothing is. O(n log n).
std::string packing_fault(std::span<const Interval> intervals, const Packing& packing);

}  // namespace netc
