// The cheapest choice of what to keep in a budget of bytes.
#pragma once

#include <optional>

#include "fit/blocks.h"
#include "fit/relaxation.h"

namespace netc {

/// Everything that is worked out once for a network, target and batch; then any budget is a short search. Deterministic.
class FitSearch {
 public:
  explicit FitSearch(const FitProblem& problem);

  /// The cheapest choice found whose peak of live bytes is at most `budget`; nothing when none was found. Starts from the vertices of the hull and from
  /// the blocks, and improves the best of them: tensors are kept again or dropped, one or two at a time, and the remade step is measured each time.
  std::optional<Choice> cheapest(int64_t budget) const;

  /// No plan of this order in `budget` takes fewer seconds beyond the step's; infinite where it can be shown that none fits.
  double bound(int64_t budget) const { return least_seconds(problem_, moments_, budget); }

  const FitProblem& problem() const { return problem_; }
  /// What is kept when nothing is made again, and the least that can be kept.
  const Choice& all() const { return starts_.front(); }
  int64_t least_peak() const;

 private:
  Choice improve(Choice choice, int64_t budget) const;

  const FitProblem& problem_;
  std::vector<Moment> moments_;
  std::vector<Choice> starts_;  ///< the hull's vertices, measured, from keeping everything on
  std::unique_ptr<Blocks> blocks_;
};

}  // namespace netc
