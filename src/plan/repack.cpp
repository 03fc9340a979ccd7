#include "plan/repack.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "plan/best_fit.h"

namespace netc {

namespace {

/// Moves one of the buffers that end at the top to an earlier place in `order`, and now and then swaps two others.
void disturb(std::vector<int>& order, std::span<const Interval> intervals, const Packing& packing, std::minstd_rand& random) {
  std::vector<size_t> tops;
  for (size_t place = 0; place < order.size(); ++place) {
    const size_t id = static_cast<size_t>(order[place]);
    if (packing.offsets[id] + intervals[id].bytes == packing.end) tops.push_back(place);
  }
  const auto from = static_cast<std::ptrdiff_t>(tops[random() % tops.size()]);
  const auto to = from > 0 ? static_cast<std::ptrdiff_t>(random() % static_cast<size_t>(from)) : 0;
  std::rotate(order.begin() + to, order.begin() + from, order.begin() + from + 1);
  if (random() % 2 == 0) return;
  const size_t a = random() % order.size(), b = random() % order.size();
  std::swap(order[a], order[b]);
}

}  // namespace

Packing repack(std::span<const Interval> intervals, Packing packing, int64_t enough) {
  constexpr unsigned kOneWorseIn = 64;  // now and then a worse order is kept, so that the walk leaves dead ends
  const auto size = static_cast<int64_t>(intervals.size());
  std::vector<int> order(intervals.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const int64_t x = packing.offsets[static_cast<size_t>(a)], y = packing.offsets[static_cast<size_t>(b)];
    return x != y ? x < y : a < b;
  });
  std::minstd_rand random(1);
  Packing best = packing;
  for (int64_t left = kRepackBudget; left > 0 && best.end > enough; left -= size * size) {
    std::vector<int> changed = order;
    disturb(changed, intervals, packing, random);
    const auto placed = pack_best_fit(intervals, changed, false, std::numeric_limits<int64_t>::max());
    if (placed->end > packing.end && random() % kOneWorseIn != 0) continue;
    packing = *placed;
    order = std::move(changed);
    if (packing.end < best.end) best = packing;
  }
  return best;
}

}  // namespace netc
