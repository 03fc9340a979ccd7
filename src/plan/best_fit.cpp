#include "plan/best_fit.h"

#include <algorithm>
#include <limits>

namespace netc {

namespace {

struct Placed {
  int64_t offset, end;
  int first, last;
};

/// The offset for `interval` among `placed`, which are sorted by offset.
int64_t find_gap(const std::vector<Placed>& placed, const Interval& interval, bool tightest) {
  int64_t floor = 0, best = -1, best_gap = std::numeric_limits<int64_t>::max();
  for (const Placed& p : placed) {
    if (p.last < interval.first || interval.last < p.first) continue;
    const int64_t gap = p.offset - floor;
    if (gap >= interval.bytes && gap < best_gap) {
      best = floor;
      best_gap = gap;
      if (!tightest) break;
    }
    floor = std::max(floor, p.end);
  }
  return best >= 0 ? best : floor;
}

}  // namespace

std::optional<Packing> pack_best_fit(std::span<const Interval> intervals, std::span<const int> order, bool tightest, int64_t limit) {
  Packing packing;
  packing.offsets.assign(intervals.size(), 0);
  std::vector<Placed> placed;
  placed.reserve(intervals.size());
  for (int id : order) {
    const Interval& interval = intervals[static_cast<size_t>(id)];
    const int64_t offset = find_gap(placed, interval, tightest);
    const Placed entry{offset, offset + interval.bytes, interval.first, interval.last};
    if (entry.end >= limit) return std::nullopt;
    packing.offsets[static_cast<size_t>(id)] = offset;
    packing.end = std::max(packing.end, entry.end);
    const auto at = std::upper_bound(placed.begin(), placed.end(), offset, [](int64_t o, const Placed& p) { return o < p.offset; });
    placed.insert(at, entry);
  }
  return packing;
}

}  // namespace netc
