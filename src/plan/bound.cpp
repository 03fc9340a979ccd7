#include "plan/bound.h"

namespace netc {

LivenessBound liveness_bound(std::span<const Interval> intervals, int positions) {
  std::vector<int64_t> change(static_cast<size_t>(positions) + 1, 0);
  for (const Interval& interval : intervals) {
    change[static_cast<size_t>(interval.first)] += interval.bytes;
    change[static_cast<size_t>(interval.last) + 1] -= interval.bytes;
  }
  LivenessBound bound;
  int64_t live = 0;
  for (int t = 0; t < positions; ++t) {
    live += change[static_cast<size_t>(t)];
    if (live > bound.bytes) bound = {live, t};
  }
  return bound;
}

}  // namespace netc
