#include "estimate/largest.h"

#include <algorithm>
#include <map>

namespace netc {

namespace {

constexpr int kTriesBeyond = 16;  ///< sizes above the first that fails, while their bound fits

class Searcher {
 public:
  Searcher(const PlanAt& plan_at, const Search& search) : plan_at_(plan_at), s_(search), high_(search.limit + 1) {}

  Largest run() {
    for (int64_t from = std::clamp<int64_t>(s_.guess, 1, s_.limit);;) {
      enclose(from);
      halve();
      const std::optional<Trial> better = beyond();
      if (!better) break;
      low_ = better->size;
      found_.fits = better;
      found_.next.reset();
      high_ = s_.limit + 1;
      from = std::min(low_ + 1, s_.limit);
    }
    for (const auto& [size, trial] : tried_) {
      found_.planned += trial.has_value();
      if (!trial) found_.impossible.push_back(size);
    }
    return found_;
  }

 private:
  const std::optional<Trial>& trial(int64_t size) {
    const auto [at, fresh] = tried_.try_emplace(size);
    if (fresh) at->second = plan_at_(size);
    return at->second;
  }

  bool fits(const Trial& trial) const { return trial.arena >= 0 && trial.arena <= s_.room; }

  void note(const Trial& trial) {
    (fits(trial) ? found_.fits : found_.next) = trial;
    (fits(trial) ? low_ : high_) = trial.size;
  }

  /// The size nearest to `target` that can be, between what fits and what does not, at most `reach` away.
  std::optional<Trial> near(int64_t target, int64_t reach) {
    for (int64_t away = 0; away <= reach && (target + away < high_ || target - away > low_); ++away) {
      for (const int64_t size : {target + away, target - away})
        if (size > low_ && size < high_ && trial(size)) return trial(size);
    }
    return std::nullopt;
  }

  /// Gallops away from `from` until a size that fits and one that does not enclose the answer.
  void enclose(int64_t from) {
    for (int64_t step = 1, target = from; target > low_ && target < high_; step *= 4) {
      const std::optional<Trial> at = near(target, s_.reach);
      if (!at && found_.fits) high_ = target;  // nothing there: look below
      if (!at) return;
      note(*at);
      if (found_.fits && found_.next) return;
      target = found_.fits ? std::min(s_.limit, low_ + step) : std::max<int64_t>(1, high_ - step);
    }
  }

  void halve() {
    while (high_ - low_ > 1) {
      const bool open = !found_.next;  // above are only sizes that cannot be, or that nobody looked at
      if (open && !near(low_ + 1, s_.reach)) return;
      const int64_t target = low_ + (high_ - low_) / 2;
      const std::optional<Trial> middle = near(target, open ? s_.reach : high_ - low_);
      if (middle)
        note(*middle);
      else if (open)
        high_ = target;
      else
        return;
    }
  }

  /// A size above the one that fails and fits after all.
  std::optional<Trial> beyond() {
    if (!found_.next) return std::nullopt;
    Trial at = *found_.next;
    for (int tries = 0; tries < kTriesBeyond && at.arena >= 0 && at.bound <= s_.room; ++tries) {
      std::optional<Trial> above;
      for (int64_t size = at.size + 1; size <= std::min(s_.limit, at.size + 1 + s_.reach) && !above; ++size) above = trial(size);
      if (!above) return std::nullopt;
      if (fits(*above)) return above;
      at = *above;
    }
    return std::nullopt;
  }

  const PlanAt& plan_at_;
  const Search& s_;
  int64_t low_ = 0, high_;  ///< the answer is at least low_ and below high_
  std::map<int64_t, std::optional<Trial>> tried_;
  Largest found_;
};

}  // namespace

Largest find_largest(const PlanAt& plan_at, const Search& search) { return Searcher(plan_at, search).run(); }

}  // namespace netc
