#include "fit/relaxation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/min_cut.h"
#include "plan/plan.h"

namespace netc {

namespace {

/// Seconds as whole numbers: the unit is such that all costs together stay a quarter of what counts as unlimited.
class Capacity {
 public:
  Capacity(const FitProblem& problem, double price) {
    double most = 1e-12;
    for (int64_t bytes : problem.bytes) most += price * static_cast<double>(bytes);
    for (const Rerun& rerun : problem.reruns) most += rerun.seconds;
    units_ = static_cast<double>(MinCut::kUnlimited / 4) / most;
  }
  int64_t of(double seconds) const { return std::llround(seconds * units_); }

 private:
  double units_;
};

}  // namespace

PricedChoice priced_choice(const FitProblem& problem, const std::vector<bool>& needed, const std::vector<bool>& priced, const std::vector<bool>& held,
                           double price) {
  const std::vector<ForwardTensor>& tensors = problem.pass.tensors;
  const int first_run = 2 + static_cast<int>(tensors.size());
  MinCut cut(first_run + static_cast<int>(problem.reruns.size()));
  const Capacity capacity(problem, price);
  // The makers of a tensor run again together: they share the vertex of the first.
  std::vector<bool> has_run(problem.reruns.size(), false);
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (held[i]) continue;
    const int tensor = 2 + static_cast<int>(i);
    if (needed[i]) cut.add(MinCut::kSource, tensor, MinCut::kUnlimited);
    const int64_t keeping = priced[i] ? capacity.of(price * static_cast<double>(problem.bytes[i])) : 0;
    if (tensors[i].must_keep) {
      if (keeping > 0) cut.add(tensor, MinCut::kSink, keeping);
      continue;
    }
    const auto maker = static_cast<size_t>(tensors[i].makers.front());
    const int run = first_run + static_cast<int>(maker);
    cut.add(tensor, run, problem.dropped[i] ? MinCut::kUnlimited : keeping);
    if (has_run[maker]) continue;
    has_run[maker] = true;
    cut.add(run, MinCut::kSink, capacity.of(seconds_to_make(problem, i)));
    for (int of : tensors[i].makers)
      for (int read : problem.reruns[static_cast<size_t>(of)].reads)
        if (!held[static_cast<size_t>(read)] && static_cast<size_t>(read) != i) cut.add(run, 2 + read, MinCut::kUnlimited);
  }
  cut.solve();
  PricedChoice choice;
  choice.keep.assign(tensors.size(), false);
  std::vector<bool> counted(problem.reruns.size(), false);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto maker = static_cast<size_t>(tensors[i].makers.front());
    const bool runs = has_run[maker] && cut.on_source_side(first_run + static_cast<int>(maker));
    if (runs && !counted[maker]) counted[maker] = true, choice.seconds += seconds_to_make(problem, i);
    choice.keep[i] = held[i] || (cut.on_source_side(2 + static_cast<int>(i)) && (tensors[i].must_keep || !runs));
    if (choice.keep[i] && priced[i] && !held[i]) choice.bytes += problem.bytes[i];
  }
  return choice;
}

namespace {

PricedChoice priced_at(const FitProblem& problem, const Moment& moment, double price) {
  const std::vector<bool> all(problem.bytes.size(), true), none(problem.bytes.size(), false);
  return priced_choice(problem, moment.needed, all, none, price);
}

/// The choices at both ends of the hull. A tensor made after the moment has no part in it.
std::pair<PricedChoice, PricedChoice> extremes(const FitProblem& problem, const Moment& moment) {
  // Keeping for nothing; and the alignment dearer than all calls of the forward pass together.
  return {priced_at(problem, moment, 0), priced_at(problem, moment, std::max(problem.step_seconds, 1e-9) / kAlignment)};
}

double price_between(const PricedChoice& more, const PricedChoice& less) {
  return (less.seconds - more.seconds) / static_cast<double>(more.bytes - less.bytes);
}

bool improves(const PricedChoice& found, const PricedChoice& end, double price) {
  const double at_end = end.seconds + price * static_cast<double>(end.bytes), at_found = found.seconds + price * static_cast<double>(found.bytes);
  return at_found < at_end * (1 - 1e-9) - 1e-14 && found.bytes != end.bytes;
}

}  // namespace

Moment end_of_forward(const FitProblem& problem) {
  problem.live.peak(problem.graph.nodes);
  Moment moment;
  moment.other_bytes = problem.persistent + problem.live.profile()[static_cast<size_t>(problem.loss)];
  for (size_t i = 0; i < problem.bytes.size(); ++i) {
    moment.needed.push_back(problem.last_read[i] > problem.loss);
    // What the loss reads for the last time may have given its bytes to what it writes; it is left out.
    if (problem.last_read[i] >= problem.loss) moment.other_bytes -= problem.bytes[i];
  }
  return moment;
}

std::vector<PricedChoice> frontier(const FitProblem& problem, const Moment& moment, int most) {
  auto [all, least] = extremes(problem, moment);
  std::vector<PricedChoice> hull{std::move(all), std::move(least)};
  if (hull[0].bytes <= hull[1].bytes) return {hull[0]};
  // Breadth first: the widest gaps are split first, so that a short frontier is an even one.
  std::vector<bool> done{false};
  while (static_cast<int>(hull.size()) < most) {
    size_t widest = done.size();
    int64_t width = -1;
    for (size_t i = 0; i < done.size(); ++i)
      if (!done[i] && hull[i].bytes - hull[i + 1].bytes > width) widest = i, width = hull[i].bytes - hull[i + 1].bytes;
    if (widest == done.size()) break;
    const double price = price_between(hull[widest], hull[widest + 1]);
    PricedChoice found = priced_at(problem, moment, price);
    if (!improves(found, hull[widest], price) || found.bytes == hull[widest + 1].bytes) {
      done[widest] = true;
      continue;
    }
    hull.insert(hull.begin() + static_cast<std::ptrdiff_t>(widest) + 1, std::move(found));
    done.insert(done.begin() + static_cast<std::ptrdiff_t>(widest), false);
  }
  return hull;
}

double least_seconds(const FitProblem& problem, const Moment& moment, int64_t budget) {
  const int64_t room = budget - moment.other_bytes;
  auto [more, less] = extremes(problem, moment);
  if (more.bytes <= room) return more.seconds;
  if (less.bytes > room) return std::numeric_limits<double>::infinity();
  for (;;) {
    const double price = price_between(more, less);
    const PricedChoice found = priced_at(problem, moment, price);
    if (!improves(found, more, price)) return std::max(0.0, more.seconds + price * static_cast<double>(more.bytes - room));
    (found.bytes > room ? more : less) = found;
  }
}

}  // namespace netc
