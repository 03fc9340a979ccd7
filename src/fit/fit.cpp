#include "fit/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "passes/choose_slices.h"
#include "passes/early_masks.h"
#include "passes/schedule.h"

namespace netc {

namespace {

constexpr int kPriceLines = 8;
constexpr int kMeasures = 1500;      ///< remade steps looked at for the budget that was asked for
constexpr int kListMeasures = 60;   ///< remade steps looked at for a line of the price list
constexpr size_t kSlicedTried = 6;   ///< choices whose calls are cut into slices
constexpr int kSplitsSearched = 2;   ///< numbers of micro-steps beyond the file's for which tensors to make again are searched

/// A step, ready to be searched.
struct Step {
  Graph graph;
  FitProblem problem;
  std::optional<FitSearch> search;

  Step(Graph step, const FitWish& wish, const Target& target)
      : graph(std::move(step)), problem(fit_problem(graph, target, graph.train.batch, wish.rates)) {}
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  FitSearch& searched() {
    if (!search) search.emplace(problem);
    return *search;
  }

  /// The step that makes again what `choice` does not keep, in the order that takes least.
  Graph finished(const Choice& choice) const {
    Graph made = graph;
    recompute(made, problem.pass, choice.keep);
    schedule(made, problem.target);
    return made;
  }

  FitOffer offer(const Choice& choice, const Graph& finished) const {
    const std::vector<bool> made = made_again(problem, choice.keep);
    LiveBytes live(finished, problem.target, problem.batch);
    const int64_t bytes = live.always() + live.peak(finished.nodes).bytes;
    return {graph.train.micro_steps, problem.batch, bytes, problem.step_seconds + choice.seconds, problem.step_flops + choice.flops,
            static_cast<int>(std::ranges::count(made, true))};
  }
  FitOffer offer(const Choice& choice) const { return offer(choice, finished(choice)); }
};

/// The steps with so many micro-steps: as it is, with the masks of the largest outputs made early, and with all of them (passes/early_masks.h).
class Steps {
 public:
  struct Found {
    const Step* step;
    Choice choice;
    double seconds() const { return step->problem.step_seconds + choice.seconds; }
  };

  Steps(const FitWish& wish, const Target& target, int64_t micro_steps, int64_t batch) {
    const Graph graph = wish.step(micro_steps, batch);
    add(graph, wish, target);
    const int64_t largest = largest_maskable(graph);
    for (int64_t least : {largest / 2, int64_t{1}}) {
      Graph masked = graph;
      if (mask_early(masked, least) > most_masks_) add(std::move(masked), wish, target);
    }
  }

  Step& plain() { return *steps_.front(); }
  /// Keeping all that may be kept.
  Found all() { return {&plain(), measure(plain().problem, keep_most(plain().problem))}; }

  std::optional<Found> cheapest(int64_t budget, int measures) {
    std::optional<Found> best;
    for (const auto& step : steps_) {
      std::optional<Choice> choice = step->searched().cheapest(budget, measures);
      if (!choice) continue;
      Found found{step.get(), std::move(*choice)};
      if (!best || found.seconds() < best->seconds()) best = std::move(found);
    }
    return best;
  }

  Found least() {
    std::optional<Found> least;
    for (const auto& step : steps_) {
      const Choice& choice = step->searched().least();
      if (!least || choice.peak < least->choice.peak) least = {step.get(), choice};
    }
    return *least;
  }

  /// A cheap step that fits where some of its calls run on slices of the batch.
  std::optional<std::pair<FitOffer, Graph>> sliced(int64_t budget, const Rates& rates) {
    Step& step = plain();
    std::vector<Choice> choices = step.searched().fitting_at_end(budget);
    if (choices.size() > kSlicedTried) choices.resize(kSlicedTried);
    for (const Choice& choice : choices) {
      Graph graph = step.finished(choice);
      FitOffer offer = step.offer(choice, graph);
      const SliceChoice slices = choose_slices(graph, step.problem.target, step.problem.batch, budget);
      if (std::max(slices.training_peak, slices.evaluation_peak) > budget) continue;
      const StepCost cost = step_cost(graph, step.problem.batch, rates);
      offer.bytes = slices.training_peak;
      offer.seconds = cost.seconds;
      offer.flops = cost.flops;
      offer.slices = true;
      return std::pair(offer, std::move(graph));
    }
    return std::nullopt;
  }

  /// Seconds of a whole step that none in `budget` is below. Fewer masks do not lower what is live, and all of them do not shorten the step.
  double bound(int64_t budget) { return plain().problem.step_seconds + steps_.back()->searched().bound(budget); }

 private:
  void add(Graph graph, const FitWish& wish, const Target& target) {
    most_masks_ = static_cast<int>(std::ranges::count(graph.nodes, std::string_view("act_mask"), &Node::kernel));
    steps_.push_back(std::make_unique<Step>(std::move(graph), wish, target));
  }

  std::vector<std::unique_ptr<Step>> steps_;
  int most_masks_ = 0;
};

class Fitting {
 public:
  Fitting(const FitWish& wish, const Target& target) : wish_(wish), target_(target), own_(wish, target, wish.micro_steps, wish.batch) {}

  Fitted run() {
    const Steps::Found all = own_.all();
    made_.plain = all.step->offer(all.choice);
    made_.plain.bound = made_.plain.seconds;
    const bool fits = made_.plain.bytes <= wish_.budget;
    if (fits) {
      consider(all);
    } else {
      wish_.say("searching what to make again");
      consider(own_.cheapest(wish_.budget, kMeasures));
      if (!made_.best) slice();
    }
    made_.own = made_.best;
    if (!fits) split();
    made_.bound = own_.bound(wish_.budget);
    list_prices();
    return std::move(made_);
  }

 private:
  void consider(const std::optional<Steps::Found>& found) {
    if (!found) return;
    if (made_.best && made_.best->seconds <= found->seconds()) return;
    made_.graph = found->step->finished(found->choice);
    made_.best = found->step->offer(found->choice, made_.graph);
  }

  /// Slices of the batch, where nothing is found without them: they change the last bits of results.
  void slice() {
    wish_.say("searching what to run on slices of the batch");
    std::optional<std::pair<FitOffer, Graph>> found = own_.sliced(wish_.budget, wish_.rates);
    if (!found) return;
    made_.best = found->first;
    made_.graph = std::move(found->second);
  }

  /// More micro-steps of fewer samples. Where that changes what is computed it is the last resort.
  void split() {
    int searched = 0;
    for (int64_t parts = 2; parts <= wish_.batch; ++parts) {
      if (wish_.batch % parts != 0) continue;
      wish_.say(fmt::format("trying {} micro-steps of {}", wish_.micro_steps * parts, wish_.batch / parts));
      Steps steps(wish_, target_, wish_.micro_steps * parts, wish_.batch / parts);
      const Steps::Found all = steps.all();
      made_.splits.push_back(all.step->offer(all.choice));
      const bool fits = made_.splits.back().bytes <= wish_.budget;
      if (wish_.may_split || !made_.best) {
        if (fits) consider(all);
        else if (searched++ < kSplitsSearched || !made_.best) consider(steps.cheapest(wish_.budget, kMeasures));
      }
      if (fits) return;
    }
  }

  void list_prices() {
    const Steps::Found least = own_.least();
    made_.least = least.step->offer(least.choice);
    made_.prices.push_back(made_.plain);
    const auto width = static_cast<double>(made_.plain.bytes - least.choice.peak);
    for (int line = 1; line <= kPriceLines && width > 0; ++line) {
      wish_.say(fmt::format("price {} of {}", line, kPriceLines));
      const std::optional<Steps::Found> found = own_.cheapest(made_.plain.bytes - static_cast<int64_t>(width * line / kPriceLines), kListMeasures);
      if (!found) continue;
      FitOffer offer = found->step->offer(found->choice);
      if (offer.bytes >= made_.prices.back().bytes) continue;
      offer.bound = own_.bound(offer.bytes);
      while (made_.prices.size() > 1 && made_.prices.back().seconds >= offer.seconds) made_.prices.pop_back();
      made_.prices.push_back(offer);
    }
    // In the order that is chosen for it afterwards another may take less.
    for (const FitOffer& offer : made_.prices)
      if (offer.bytes < made_.least.bytes) made_.least = offer;
  }

  const FitWish& wish_;
  const Target& target_;
  Steps own_;
  Fitted made_;
};

}  // namespace

Fitted fit(const FitWish& wish, const Target& target) { return Fitting(wish, target).run(); }

}  // namespace netc
