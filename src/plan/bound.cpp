#include "plan/bound.h"

namespace netc {

void live_bytes(std::span<const Interval> intervals, int positions, std::vector<int64_t>& live) {
  live.assign(static_cast<size_t>(positions) + 1, 0);
  for (const Interval& interval : intervals) {
    live[static_cast<size_t>(interval.first)] += interval.bytes;
    live[static_cast<size_t>(interval.last) + 1] -= interval.bytes;
  }
  for (size_t t = 1; t < live.size(); ++t) live[t] += live[t - 1];
  live.pop_back();
}

LivenessBound peak_of(std::span<const int64_t> live) {
  LivenessBound bound;
  for (size_t t = 0; t < live.size(); ++t)
    if (live[t] > bound.bytes) bound = {live[t], static_cast<int>(t)};
  return bound;
}

LivenessBound liveness_bound(std::span<const Interval> intervals, int positions) {
  std::vector<int64_t> live;
  live_bytes(intervals, positions, live);
  return peak_of(live);
}

}  // namespace netc
