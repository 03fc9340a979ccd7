#include "plan/pack.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "plan/best_fit.h"
#include "plan/bound.h"
#include "plan/exact.h"
#include "plan/skyline.h"

namespace netc {

namespace {

constexpr size_t kQuadraticLimit = 4000;  ///< intervals up to which more than O(n log n) is spent

/// The best packing so far, and what it would take to stop.
struct Portfolio {
  std::span<const Interval> intervals;
  int64_t enough;  ///< an end at or below it
  Packing best;

  /// Takes `packing` if it is better; true when the best is good enough.
  bool take(std::optional<Packing> packing) {
    if (packing && packing->end < best.end) {
      packing->bound = best.bound;
      best = std::move(*packing);
    }
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

Packing with_offsets(std::span<const Interval> intervals, std::vector<int64_t> offsets) {
  Packing packing;
  packing.offsets = std::move(offsets);
  for (size_t i = 0; i < intervals.size(); ++i) packing.end = std::max(packing.end, packing.offsets[i] + intervals[i].bytes);
  return packing;
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
  try_best_fit(portfolio, ordered_by(portfolio.intervals, width));
}

/// The greedy attempts, until one is good enough.
void try_greedy(Portfolio& portfolio, const SectionProblem& problem) {
  // Unlimited at first: the first attempt always gives a packing.
  if (portfolio.take(pack_skyline(problem, SkylineKey::widest_at_first, portfolio.best.end))) return;
  const SectionProblem mirror = mirrored(problem);
  if (portfolio.take(pack_skyline(mirror, SkylineKey::widest_at_first, portfolio.best.end))) return;
  if (portfolio.intervals.size() <= kQuadraticLimit) try_quadratic(portfolio, problem, mirror);
}

/// Narrows what lies between the bound and the best by exact searches through at most `nodes` nodes; with `capacity` only asks whether what is
/// enough can be reached.
void search(Portfolio& portfolio, const SectionProblem& problem, bool capacity, int64_t nodes) {
  Packing& best = portfolio.best;
  const auto shortest = static_cast<int64_t>(portfolio.intervals.size());
  int64_t target = portfolio.enough, given_up = -1;
  while (nodes >= shortest) {
    const int64_t share = capacity ? nodes : nodes / (given_up < 0 ? 2 : 4);
    const Decision decision = decide(problem, target, share);
    nodes -= std::max<int64_t>(decision.nodes, 1);
    if (decision.verdict == Verdict::impossible) best.bound = std::max(best.bound, decision.bound);
    if (decision.verdict == Verdict::open) given_up = target;
    if (decision.verdict == Verdict::found) portfolio.take(with_offsets(portfolio.intervals, decision.offsets));
    const int64_t low = std::max(best.bound, given_up + 1);
    if (capacity || best.end <= low) return;
    target = low + (best.end - 1 - low) / 2;
  }
}

/// Packs `intervals`, which `problem` has in sections.
Packing pack_sections(std::span<const Interval> intervals, const SectionProblem& problem, int positions, const PackOptions& options) {
  const int64_t bound = liveness_bound(intervals, positions).bytes;
  Portfolio portfolio{intervals, std::max(bound, options.capacity), {}};
  Packing& best = portfolio.best;
  best.end = std::numeric_limits<int64_t>::max();
  best.bound = bound;
  try_greedy(portfolio, problem);
  const bool hopeless = options.capacity > 0 && options.capacity < bound;
  if (best.end > portfolio.enough && !hopeless && intervals.size() <= kQuadraticLimit) {
    const auto size = std::max<int64_t>(static_cast<int64_t>(intervals.size()), 200);
    search(portfolio, problem, options.capacity > 0, options.search / (size * size));
  }
  return std::move(best);
}

}  // namespace

Packing pack(std::span<const Interval> intervals, int positions, const PackOptions& options) {
  SectionProblem problem = cut_into_sections(intervals, positions);
  // What is live in every section lies at the bottom, which loses nothing: whatever is below it can change places with it.
  std::vector<int64_t> offsets(intervals.size());
  std::vector<Interval> others;
  std::vector<size_t> ids;
  int64_t base = 0;
  for (size_t i = 0; i < intervals.size(); ++i) {
    if (problem.first[i] == 0 && problem.last[i] == problem.sections - 1) {
      offsets[i] = base;
      base += intervals[i].bytes;
    } else {
      others.push_back(intervals[i]);
      ids.push_back(i);
    }
  }
  PackOptions rest = options;
  if (options.capacity > 0) rest.capacity = std::max<int64_t>(options.capacity - base, 1);
  if (others.size() < intervals.size()) problem = cut_into_sections(others, positions);
  Packing packing = pack_sections(others, problem, positions, rest);
  for (size_t i = 0; i < ids.size(); ++i) offsets[ids[i]] = base + packing.offsets[i];
  packing.offsets = std::move(offsets);
  packing.end += base;
  packing.bound += base;
  packing.optimal = packing.end == packing.bound;
  return packing;
}

}  // namespace netc
