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
  /// the blocks, and improves the best of them: tensors are kept again or swapped, and the remade step is measured each time, at most `measures` times.
  std::optional<Choice> cheapest(int64_t budget, int measures) const;

  /// No plan in `budget` takes fewer seconds beyond the step's (least_seconds).
  double bound(int64_t budget) const { return least_seconds(problem_, end_, budget); }

  /// Vertices of the hull that fit at the end of the forward pass, the fewest seconds first: what stands above the budget elsewhere is live for a while only.
  std::vector<Choice> fitting_at_end(int64_t budget) const;

  /// The choice of the lowest peak found.
  const Choice& least() const { return least_; }

 private:
  const Choice& all() const { return starts_.front(); }  ///< keeping most
  std::optional<Choice> drop_one_by_one(int64_t budget) const;
  void find_least();
  std::vector<Choice> from_blocks(int64_t budget, size_t shares) const;
  Choice improve(Choice choice, int64_t budget, int measures) const;

  const FitProblem& problem_;
  Moment end_;
  std::vector<Choice> starts_;  ///< the hull's vertices, measured, from keeping everything on
  std::unique_ptr<Blocks> blocks_;
  Choice least_;
};

}  // namespace netc
