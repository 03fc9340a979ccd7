#include "plan/validate_packing.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace netc {

namespace {

/// The buffers by when `moment` says they start or end.
template <class Moment>
std::vector<size_t> by_moment(size_t count, Moment moment) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return moment(a) < moment(b); });
  return order;
}

}  // namespace

std::string packing_fault(std::span<const Interval> intervals, const Packing& packing) {
  if (packing.offsets.size() != intervals.size()) return fmt::format("{} offsets for {} buffers", packing.offsets.size(), intervals.size());
  int64_t end = 0;
  for (size_t i = 0; i < intervals.size(); ++i) {
    if (packing.offsets[i] < 0) return fmt::format("buffer {} lies at {}", i, packing.offsets[i]);
    end = std::max(end, packing.offsets[i] + intervals[i].bytes);
  }
  if (end != packing.end) return fmt::format("the buffers end at {}, not at {}", end, packing.end);
  const std::vector<size_t> starts = by_moment(intervals.size(), [&](size_t i) { return intervals[i].first; });
  const std::vector<size_t> stops = by_moment(intervals.size(), [&](size_t i) { return intervals[i].last; });
  std::set<std::pair<int64_t, size_t>> live;  // by offset: neighbours that are apart keep all apart
  size_t stopped = 0;
  for (size_t id : starts) {
    for (; intervals[stops[stopped]].last < intervals[id].first; ++stopped) live.erase({packing.offsets[stops[stopped]], stops[stopped]});
    if (intervals[id].bytes == 0) continue;
    const auto at = live.insert({packing.offsets[id], id}).first;
    const auto apart = [&](size_t low, size_t high) { return packing.offsets[low] + intervals[low].bytes <= packing.offsets[high]; };
    if (at != live.begin() && !apart(std::prev(at)->second, id)) return fmt::format("buffers {} and {} share bytes", std::prev(at)->second, id);
    if (std::next(at) != live.end() && !apart(id, std::next(at)->second)) return fmt::format("buffers {} and {} share bytes", id, std::next(at)->second);
  }
  return "";
}

}  // namespace netc
