#include "plan/pack.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "plan/best_fit.h"
#include "plan/bound.h"
#include "plan/repack.h"
#include "plan/skyline.h"

namespace netc {

namespace {

constexpr size_t kQuadraticLimit = 4000;  ///< intervals up to which attempts of O(n^2) are made

/// The best packing so far, and what it would take to stop.
struct Portfolio {
  std::span<const Interval> intervals;
  int64_t enough;  ///< an end at or below it
  Packing best;

  /// Takes `packing` if it is better; true when the best is good enough.
  bool take(std::optional<Packing> packing) {
    if (packing && packing->end < best.end) best = std::move(*packing);
    return best.end <= enough;
  }
};

bool try_skyline(Portfolio& portfolio, const SectionProblem& problem, const SectionProblem& mirror, SkylineKey key) {
  return portfolio.take(pack_skyline(problem, key, portfolio.best.end)) || portfolio.take(pack_skyline(mirror, key, portfolio.best.end));
}

/// Indices by falling `weight`, ties by falling size, then by index.
template <class Weight>
std::vector<int> ordered_by(std::span<const Interval> intervals, Weight weight) {
  std::vector<int> order(intervals.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    const Interval &x = intervals[static_cast<size_t>(a)], &y = intervals[static_cast<size_t>(b)];
    const double wx = weight(x), wy = weight(y);
    return wx != wy ? wx > wy : x.bytes > y.bytes;
  });
  return order;
}

bool try_best_fit(Portfolio& portfolio, const std::vector<int>& order) {
  for (bool tightest : {true, false}) {
    if (portfolio.take(pack_best_fit(portfolio.intervals, order, tightest, portfolio.best.end))) return true;
  }
  return false;
}

/// The attempts of O(n^2), until one reaches the bound.
void try_quadratic(Portfolio& portfolio, const SectionProblem& problem, const SectionProblem& mirror) {
  using enum SkylineKey;
  for (SkylineKey key : {widest, area, largest, largest_at_first}) {
    if (try_skyline(portfolio, problem, mirror, key)) return;
  }
  const auto size = [](const Interval& i) { return static_cast<double>(i.bytes); };
  const auto width = [](const Interval& i) { return static_cast<double>(i.last) - i.first + 1; };
  if (try_best_fit(portfolio, ordered_by(portfolio.intervals, size))) return;
  if (try_best_fit(portfolio, ordered_by(portfolio.intervals, [&](const Interval& i) { return size(i) * width(i); }))) return;
  if (try_best_fit(portfolio, ordered_by(portfolio.intervals, width))) return;
  portfolio.best = repack(portfolio.intervals, std::move(portfolio.best), portfolio.enough);
}

}  // namespace

Packing pack(std::span<const Interval> intervals, int positions, const PackOptions& options) {
  const int64_t bound = liveness_bound(intervals, positions).bytes;
  Portfolio portfolio{intervals, std::max(bound, options.capacity), {}};
  portfolio.best.end = std::numeric_limits<int64_t>::max();
  const SectionProblem problem = cut_into_sections(intervals, positions);
  // Unlimited at first: the first attempt always gives a packing.
  if (!portfolio.take(pack_skyline(problem, SkylineKey::widest_at_first, portfolio.best.end))) {
    const SectionProblem mirror = mirrored(problem);
    if (!portfolio.take(pack_skyline(mirror, SkylineKey::widest_at_first, portfolio.best.end)) && intervals.size() <= kQuadraticLimit) {
      try_quadratic(portfolio, problem, mirror);
    }
  }
  portfolio.best.bound = bound;
  portfolio.best.optimal = portfolio.best.end == bound;
  return std::move(portfolio.best);
}

}  // namespace netc
