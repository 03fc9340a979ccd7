#include "fit/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace netc {

namespace {

constexpr int kPriceLines = 8;
constexpr int kListMeasures = 120;   ///< remade steps looked at for a line of the price list
constexpr int kSplitsSearched = 2;   ///< numbers of micro-steps beyond the file's for which tensors to make again are searched

/// A step with so many micro-steps, ready to be searched.
struct Candidate {
  Graph graph;
  FitProblem problem;
  std::optional<FitSearch> search;

  Candidate(const FitWish& wish, const Target& target, int64_t micro_steps, int64_t batch)
      : graph(wish.step(micro_steps, batch)), problem(fit_problem(graph, target, batch, wish.rates)) {}
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  FitSearch& searched() {
    if (!search) search.emplace(problem);
    return *search;
  }

  FitOffer offer(const Choice& choice) const {
    const std::vector<bool> made = made_again(problem, choice.keep);
    return {graph.train.micro_steps, problem.batch, choice.peak, problem.step_seconds + choice.seconds, problem.step_flops + choice.flops,
            static_cast<int>(std::ranges::count(made, true)), 0};
  }
};

class Fitting {
 public:
  Fitting(const FitWish& wish, const Target& target) : wish_(wish), target_(target), own_(wish, target, wish.micro_steps, wish.batch) {}

  Fitted run() {
    const Choice all = measure(own_.problem, keep_most(own_.problem));
    made_.plain = own_.offer(all);
    made_.plain.bound = own_.problem.step_seconds;
    wish_.say("searching what to make again");
    consider(own_, own_.searched().cheapest(wish_.budget));
    if (all.peak > wish_.budget) split();
    made_.bound = own_.problem.step_seconds + own_.searched().bound(wish_.budget);
    list_prices();
    return std::move(made_);
  }

 private:
  void consider(const Candidate& candidate, const std::optional<Choice>& choice) {
    if (!choice) return;
    FitOffer offer = candidate.offer(*choice);
    if (made_.best && made_.best->seconds <= offer.seconds) return;
    made_.graph = candidate.graph;
    recompute(made_.graph, candidate.problem.pass, choice->keep);
    made_.best = offer;
  }

  /// More micro-steps of fewer samples. Where that changes what is computed it is the last resort.
  void split() {
    int searched = 0;
    for (int64_t parts = 2; parts <= wish_.batch; ++parts) {
      if (wish_.batch % parts != 0) continue;
      wish_.say(fmt::format("trying {} micro-steps of {}", wish_.micro_steps * parts, wish_.batch / parts));
      Candidate candidate(wish_, target_, wish_.micro_steps * parts, wish_.batch / parts);
      const Choice all = measure(candidate.problem, keep_most(candidate.problem));
      made_.splits.push_back(candidate.offer(all));
      const bool fits = all.peak <= wish_.budget;
      if (wish_.may_split || !made_.best) {
        if (fits) consider(candidate, all);
        else if (searched++ < kSplitsSearched || !made_.best) consider(candidate, candidate.searched().cheapest(wish_.budget));
      }
      if (fits) return;
    }
  }

  void list_prices() {
    FitSearch& search = own_.searched();
    const Choice least = search.least();
    made_.least = own_.offer(least);
    made_.prices.push_back(made_.plain);
    const auto width = static_cast<double>(made_.plain.bytes - least.peak);
    if (width <= 0) return;
    std::vector<int64_t> budgets;
    for (int i = 1; i <= kPriceLines; ++i) budgets.push_back(made_.plain.bytes - static_cast<int64_t>(width * i / kPriceLines));
    for (int64_t budget : budgets) {
      wish_.say(fmt::format("pricing {} of {}", &budget - budgets.data() + 1, budgets.size()));
      const std::optional<Choice> choice = search.cheapest(budget, kListMeasures);
      if (!choice) continue;
      FitOffer offer = own_.offer(*choice);
      if (offer.bytes >= made_.prices.back().bytes) continue;
      const double bound = search.bound(offer.bytes);
      offer.bound = own_.problem.step_seconds + bound;
      while (made_.prices.size() > 1 && made_.prices.back().seconds >= offer.seconds) made_.prices.pop_back();
      made_.prices.push_back(offer);
    }
  }

  const FitWish& wish_;
  const Target& target_;
  Candidate own_;
  Fitted made_;
};

}  // namespace

Fitted fit(const FitWish& wish, const Target& target) { return Fitting(wish, target).run(); }

}  // namespace netc
