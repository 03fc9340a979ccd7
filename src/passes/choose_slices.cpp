#include "passes/choose_slices.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "plan/live_bytes.h"

namespace netc {

namespace {

struct Trial {
  std::vector<SliceRun> runs;  ///< disjoint, in order
  int64_t peak = 0;
  int moments = 0;   ///< nodes at which that is reached
  int position = 0;  ///< the first
  int slices = 0;    ///< calls that are made because of the slices
};

class Search {
 public:
  Search(const Graph& graph, std::span<const Node> nodes, std::span<const std::pair<ValueId, ValueId>> aliases, const Target& target, int64_t batch)
      : slicing_(graph, nodes, aliases), live_(graph, target, batch, aliases), size_(static_cast<int>(nodes.size())), batch_(batch) {
    for (int count = 2; count <= kMostSlices; ++count)
      if (batch % count == 0) counts_.push_back(count);
  }

  /// `budget`: without what lives always.
  Trial run(int64_t budget) {
    Trial best = *measure({});
    while (best.peak > budget) {
      std::optional<Trial> next = around_peak(best, budget);
      if (!next) break;
      best = *std::move(next);
    }
    take_back(best, budget);
    return best;
  }

  std::optional<Sliced> cut(const Trial& trial) const { return slicing_.cut(trial.runs, batch_); }
  int64_t always() const { return live_.always(); }
  bool ok() const { return live_.ok(); }

 private:
  std::optional<Trial> measure(std::vector<SliceRun> runs) {
    const std::optional<Sliced> made = slicing_.cut(runs, batch_);
    if (!made) return std::nullopt;
    Trial trial{std::move(runs)};
    trial.peak = live_.peak(made->nodes, made->pieces).bytes;
    const std::vector<int64_t> profile = live_.profile();
    std::set<int> at;
    for (size_t i = 0; i < profile.size(); ++i)
      if (profile[i] == trial.peak) at.insert(made->origin[i]);
    trial.moments = static_cast<int>(at.size());
    trial.position = at.empty() ? 0 : *at.begin();
    trial.slices = static_cast<int>(made->nodes.size()) - size_;
    return trial;
  }

  static bool better(const Trial& a, const Trial& b, int64_t budget) {
    const auto rank = [&](const Trial& t) {
      const bool fits = t.peak <= budget;
      return std::tuple(!fits, fits ? 0 : t.peak, fits ? 0 : t.moments, t.slices);
    };
    return rank(a) < rank(b);
  }

  /// The runs of `of` with one more: those that it meets become part of it.
  static std::vector<SliceRun> with(const std::vector<SliceRun>& of, SliceRun run) {
    std::vector<SliceRun> runs;
    for (const SliceRun& other : of) {
      if (other.last <= run.first || other.first >= run.last) {
        runs.push_back(other);
      } else {
        run = {std::min(run.first, other.first), std::max(run.last, other.last), std::max(run.count, other.count)};
      }
    }
    // A run that has grown may meet others again.
    const auto meets = [&](const SliceRun& other) { return other.last > run.first && other.first < run.last; };
    if (std::ranges::any_of(runs, meets)) return with(runs, run);
    runs.insert(std::ranges::find_if(runs, [&](const SliceRun& other) { return other.first >= run.last; }), run);
    return runs;
  }

  /// The best step with a run around the peak, if it is better than `now`.
  std::optional<Trial> around_peak(const Trial& now, int64_t budget) {
    const int peak = now.position;
    if (!slicing_.can(peak)) return std::nullopt;
    int first = peak, last = peak + 1;
    while (first > 0 && slicing_.can(first - 1)) --first;
    while (last < size_ && slicing_.can(last)) ++last;
    std::optional<Trial> best;
    const auto attempt = [&](SliceRun run) {
      std::optional<Trial> trial = measure(with(now.runs, run));
      if (!trial || !better(*trial, best ? *best : now, budget)) return false;
      best = std::move(trial);
      run_ = run;
      return true;
    };
    for (int before : reaches(peak - first))
      for (int after : reaches(last - peak - 1))
        for (int count : counts_) attempt({peak - before, peak + after + 1, count});
    // Ends between those.
    for (bool found = best.has_value(); found;) {
      const SliceRun at = run_;
      found = false;
      for (const auto& [left, right] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
        const SliceRun moved{at.first + left, at.last + right, at.count};
        if (moved.first >= first && moved.last <= last && moved.first <= peak && moved.last > peak) found = attempt(moved) || found;
      }
    }
    return best;
  }

  /// 0, 1, 2, 3, 4, 6, 8, 12, ... up to `most`.
  static std::vector<int> reaches(int most) {
    std::vector<int> list;
    for (int reach = 0; reach < most; reach += std::max(1, reach / 2)) list.push_back(reach);
    list.push_back(most);
    return list;
  }

  /// Fewer slices where these do as well.
  void take_back(Trial& best, int64_t budget) {
    for (bool found = true; found;) {
      found = false;
      for (size_t i = 0; i < best.runs.size() && !found; ++i) {
        for (std::vector<SliceRun>& runs : lesser(best.runs, i)) {
          std::optional<Trial> trial = measure(std::move(runs));
          if (!trial || trial->peak > std::max(best.peak, budget) || trial->slices >= best.slices) continue;
          best = *std::move(trial);
          found = true;
          break;
        }
      }
    }
  }

  /// Without run i; with the next smaller number of slices; a node shorter at either end.
  std::vector<std::vector<SliceRun>> lesser(const std::vector<SliceRun>& runs, size_t i) const {
    std::vector<std::vector<SliceRun>> list(1, runs);
    list[0].erase(list[0].begin() + static_cast<std::ptrdiff_t>(i));
    const auto add = [&](SliceRun run) {
      list.push_back(runs);
      list.back()[i] = run;
    };
    const SliceRun& run = runs[i];
    const auto fewer = std::ranges::find(counts_, run.count);
    if (fewer != counts_.begin()) add({run.first, run.last, *std::prev(fewer)});
    if (run.last - run.first > 1) add({run.first + 1, run.last, run.count}), add({run.first, run.last - 1, run.count});
    return list;
  }

  const Slicing slicing_;
  LiveBytes live_;
  const int size_;
  const int64_t batch_;
  std::vector<int> counts_;
  SliceRun run_;  ///< of the best trial
};

/// Slices one step. The runs, and the peak with what lives always.
std::pair<std::vector<SliceRun>, int64_t> slice_step(Graph& graph, std::vector<Node> Graph::*step, std::span<const std::pair<ValueId, ValueId>> aliases,
                                                     const Target& target, int64_t batch, int64_t budget) {
  Search search(graph, graph.*step, aliases, target, batch);
  if (!search.ok()) return {};
  Trial best = search.run(budget - search.always());
  if (!best.runs.empty()) apply(graph, step, *search.cut(best));
  return {std::move(best.runs), best.peak + search.always()};
}

}  // namespace

SliceChoice choose_slices(Graph& graph, const Target& target, int64_t batch, int64_t budget) {
  SliceChoice choice;
  std::tie(choice.training, choice.training_peak) = slice_step(graph, &Graph::nodes, {}, target, batch, budget);
  // There is one arena for both: evaluation need not take less than training.
  const int64_t enough = std::max(budget, choice.training_peak);
  std::tie(choice.evaluation, choice.evaluation_peak) = slice_step(graph, &Graph::evaluation, graph.evaluation_aliases, target, batch, enough);
  return choice;
}

}  // namespace netc
