// A packing problem whose time is cut into as few sections as say the same.
#pragma once

#include <span>

#include "plan/pack.h"

namespace netc {

/// Intervals over sections of time. Only those moments count at which no more buffers are live a moment earlier or later: what may not
/// overlap at the others may not overlap at one of these either.
struct SectionProblem {
  std::vector<int> first, last;  ///< sections, inclusive
  std::vector<int64_t> bytes;
  std::vector<int> width;        ///< the lifetime in positions
  int sections = 0;
};

SectionProblem cut_into_sections(std::span<const Interval> intervals, int positions);
/// The same problem with time running backwards; offsets that solve the one solve the other.
SectionProblem mirrored(const SectionProblem& problem);

}  // namespace netc
