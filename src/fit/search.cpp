#include "fit/search.h"

#include <algorithm>
#include <array>
#include <span>

#include "plan/plan.h"

namespace netc {

namespace {

constexpr int kVertices = 32;      ///< of the hull
constexpr int kPrices = 10;        ///< of memory within blocks

/// Prices of memory at which the hull turns, from keeping all to keeping least, with a price beyond each end.
std::vector<double> prices_of(const std::vector<PricedChoice>& hull, double most) {
  std::vector<double> turns;
  for (size_t i = 1; i < hull.size(); ++i)
    turns.push_back((hull[i].seconds - hull[i - 1].seconds) / static_cast<double>(hull[i - 1].bytes - hull[i].bytes));
  std::vector<double> prices{0};
  const size_t count = std::min<size_t>(turns.size(), kPrices);
  for (size_t i = 0; i < count; ++i) prices.push_back(turns[i * turns.size() / count] * 1.001);
  prices.push_back(most);
  return prices;
}

}  // namespace

FitSearch::FitSearch(const FitProblem& problem) : problem_(problem), end_(end_of_forward(problem)) {
  const std::vector<PricedChoice> hull = frontier(problem, end_, kVertices);
  starts_.push_back(measure(problem, keep_most(problem)));
  for (const PricedChoice& vertex : hull) starts_.push_back(measure(problem, vertex.keep));
  blocks_ = std::make_unique<Blocks>(problem, prices_of(hull, problem.step_seconds / kAlignment));
  find_least();
}

/// For networks that no single tensor crosses, if they are small: of the tensors kept, drops the one whose going lowers the peak most for the time it
/// takes, until the step fits or nothing lowers the peak. Where that ends; nothing for larger networks.
std::optional<Choice> FitSearch::drop_one_by_one(int64_t budget) const {
  constexpr size_t kMostTensors = 80;
  if (problem_.bytes.size() > kMostTensors) return std::nullopt;
  Choice choice = all();
  while (choice.peak > budget) {
    std::optional<Choice> best;
    double best_worth = 0;
    for (size_t i = 0; i < choice.keep.size(); ++i) {
      if (!choice.keep[i] || problem_.pass.tensors[i].must_keep) continue;
      Keep keep = choice.keep;
      keep[i] = false;
      Choice tried = measure(problem_, std::move(keep));
      if (tried.peak >= choice.peak) continue;
      const double worth = static_cast<double>(choice.peak - tried.peak) / std::max(tried.seconds - choice.seconds, 1e-12);
      if (worth > best_worth) best_worth = worth, best = std::move(tried);
    }
    if (!best) break;
    choice = std::move(*best);
  }
  return choice;
}

/// By bisection: the budgets in which the blocks find something.
void FitSearch::find_least() {
  least_ = *std::ranges::min_element(starts_, {}, &Choice::peak);
  if (std::optional<Choice> lowest = drop_one_by_one(0); lowest && lowest->peak < least_.peak) least_ = std::move(*lowest);
  int64_t low = problem_.persistent, high = least_.peak;
  while (high - low > high / 500) {
    const int64_t middle = low + (high - low) / 2;
    const std::optional<Keep> keep = blocks_->cheapest(middle);
    if (!keep) {
      low = middle;
      continue;
    }
    Choice choice = measure(problem_, *keep);
    high = std::min(middle, choice.peak);
    if (choice.peak < least_.peak) least_ = std::move(choice);
  }
}

/// The model of the blocks is a little off: it is asked for somewhat less, too.
std::vector<Choice> FitSearch::from_blocks(int64_t budget, size_t shares) const {
  constexpr std::array kShares{1.0, 0.97, 0.99, 0.94, 0.9};
  std::vector<Choice> found;
  for (double share : std::span(kShares).first(shares)) {
    const std::optional<Keep> keep = blocks_->cheapest(static_cast<int64_t>(share * static_cast<double>(budget)));
    if (!keep) continue;
    found.push_back(measure(problem_, *keep));
  }
  return found;
}

std::optional<Choice> FitSearch::cheapest(int64_t budget, int measures) const {
  if (all().peak <= budget) return all();
  constexpr int kThorough = 500;
  std::vector<Choice> candidates = from_blocks(budget, measures >= kThorough ? 5 : 1);
  candidates.insert(candidates.end(), starts_.begin(), starts_.end());
  candidates.push_back(least_);
  if (std::optional<Choice> found = drop_one_by_one(budget)) candidates.push_back(std::move(*found));
  std::erase_if(candidates, [&](const Choice& choice) { return choice.peak > budget; });
  if (candidates.empty()) return std::nullopt;
  std::ranges::stable_sort(candidates, {}, &Choice::seconds);
  constexpr size_t kImproved = 3;
  std::optional<Choice> best;
  for (size_t i = 0; i < std::min(candidates.size(), kImproved); ++i) {
    Choice improved = improve(candidates[i], budget, measures / static_cast<int>(kImproved));
    if (!best || improved.seconds < best->seconds) best = std::move(improved);
  }
  return best;
}

std::vector<Choice> FitSearch::fitting_at_end(int64_t budget) const {
  std::vector<Choice> found;
  for (const Choice& choice : starts_) {
    int64_t bytes = end_.other_bytes;
    for (size_t i = 0; i < choice.keep.size(); ++i)
      if (choice.keep[i]) bytes += problem_.bytes[i];
    if (bytes <= budget) found.push_back(choice);
  }
  std::ranges::stable_sort(found, {}, &Choice::seconds);
  return found;
}

/// Keeps again what saves most a byte, as long as the step stays within the budget; then swaps.
Choice FitSearch::improve(Choice choice, int64_t budget, int measures) const {
  const auto try_keep = [&](Keep keep) {
    if (measures-- <= 0) return false;
    Choice tried = measure(problem_, std::move(keep));
    if (tried.peak > budget || tried.seconds >= choice.seconds - 1e-12) return false;
    choice = std::move(tried);
    return true;
  };
  for (bool changed = true; changed && measures > 0;) {
    changed = false;
    const std::vector<bool> made = made_again(problem_, choice.keep);
    std::vector<std::pair<double, size_t>> order;  // seconds a byte, the best first
    for (size_t i = 0; i < made.size(); ++i)
      if (made[i]) order.push_back({-seconds_to_make(problem_, i) / static_cast<double>(problem_.bytes[i]), i});
    std::ranges::sort(order);
    for (const auto& [value, tensor] : order) {
      if (choice.keep[tensor] || problem_.dropped[tensor]) continue;
      Keep keep = choice.keep;
      keep[tensor] = true;
      if (try_keep(keep)) {
        changed = true;
        continue;
      }
      // Keep it in place of something cheaper to make of no more bytes.
      for (size_t other = 0; other < keep.size() && measures > 0; ++other) {
        if (!choice.keep[other] || problem_.pass.tensors[other].must_keep || other == tensor) continue;
        if (problem_.bytes[other] * 2 < problem_.bytes[tensor] || seconds_to_make(problem_, other) >= seconds_to_make(problem_, tensor)) continue;
        Keep swapped = keep;
        swapped[other] = false;
        if (try_keep(swapped)) {
          changed = true;
          break;
        }
      }
    }
  }
  return choice;
}

}  // namespace netc
