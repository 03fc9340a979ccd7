#include "plan/exact.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <tuple>

#include "plan/exact_state.h"
#include "plan/failed_states.h"

namespace netc {

namespace {

constexpr int kDeepest = 10'000;  ///< levels of recursion, some 400 bytes of stack each

/// What is tried first. Weights are logarithms.
struct Weights {
  std::vector<double> of;    ///< each buffer
  double side = 0;           ///< it begins, or ends, with the plateau it is placed on
  double level = 0;          ///< its top is level with the floor on one side of the plateau
  bool tightest = false;     ///< of equal floors that of the section with the least slack, not with the fewest choices
};

/// How Weights are made: a buffer's is lifetime^width x bytes^size x a random factor between e^-noise and e^noise.
struct Style {
  double width, size, noise, side;
  bool tightest;
};

constexpr double kLevel = 3;
constexpr std::array<Style, 5> kStyles = {{{0, 1, 1, 0, true}, {0, 1, 1.2, 1, false}, {0.3, 1, 1.2, 3, false}, {2, 1, 4, 0, false}, {0, 1, 2, 2, false}}};

Weights weights(const SectionProblem& problem, const Style& style, double noise, std::minstd_rand& random) {
  Weights made{std::vector<double>(problem.first.size()), style.side, kLevel, style.tightest};
  constexpr double kRange = std::minstd_rand::max() - std::minstd_rand::min();
  for (size_t i = 0; i < made.of.size(); ++i) {
    const double factor = 2 * static_cast<double>(random() - std::minstd_rand::min()) / kRange - 1;
    const double width = problem.last[i] - problem.first[i] + 1, size = static_cast<double>(problem.bytes[i]);
    made.of[i] = style.width * std::log(width) + style.size * std::log(size) + noise * factor;
  }
  return made;
}

/// Depth first. At each node the lowest floor of a stretch of time that nothing unplaced crosses is looked at: one of the buffers that
/// would lie on it does, or none, and then it rises. A packing in which every buffer lies at 0 or on top of another exists wherever any
/// does, so that a floor rises at least to the top of an unplaced buffer.
template <class T>
class Search {
 public:
  Search(const SectionProblem& problem, T capacity)
      : state_(problem, capacity), words_((problem.first.size() + 63) / 64), failed_(words_) {}

  /// Searches in the order that `weights` give, from the beginning, through at most `nodes` nodes.
  Verdict run(Weights weights, int64_t nodes) {
    weights_ = std::move(weights);
    left_ = nodes;
    depth_ = 0;
    state_.undo(0);
    if (solve(0, state_.sections() - 1)) return Verdict::found;
    return left_ < 0 ? Verdict::open : Verdict::impossible;
  }

  int64_t left() const { return left_; }
  const PlacementState<T>& state() const { return state_; }

 private:
  struct Stretch {
    int first, last;
    T slack;  ///< the least of its sections
  };

  struct Plateau {
    int first, last;
    T left, right;
  };

  std::vector<Stretch> stretches(int first, int last) const;
  bool solve(int first, int last);
  bool solve_stretch(int first, int last);
  Plateau plateau(int section) const;
  int choose_section(int first, int last) const;
  std::vector<int> choices(int section) const;
  T next_floor(int section) const;
  std::vector<uint64_t> unplaced_set(int first, int last) const;

  PlacementState<T> state_;
  Weights weights_;
  size_t words_;
  FailedStates<T> failed_;
  int64_t left_ = 0;  ///< nodes; below 0: given up
  int depth_ = 0;
};

/// The parts of [first, last] that have unplaced buffers, none of which is live in two parts.
template <class T>
std::vector<typename Search<T>::Stretch> Search<T>::stretches(int first, int last) const {
  std::vector<Stretch> found;
  for (int s = first; s <= last; ++s) {
    if (state_.unplaced(s) == 0) continue;
    Stretch stretch{s, s, state_.slack(s)};
    for (; state_.crossed(s); ++s) stretch.slack = std::min(stretch.slack, state_.slack(s + 1));
    stretch.last = s;
    found.push_back(stretch);
  }
  return found;
}

/// Places all unplaced buffers of [first, last], or none.
template <class T>
bool Search<T>::solve(int first, int last) {
  std::vector<Stretch> parts = stretches(first, last);
  // What is likeliest to fail comes first.
  std::stable_sort(parts.begin(), parts.end(), [](const Stretch& a, const Stretch& b) { return a.slack < b.slack; });
  const size_t mark = state_.mark();
  for (const Stretch& part : parts) {
    if (solve_stretch(part.first, part.last)) continue;
    state_.undo(mark);
    return false;
  }
  return true;
}

template <class T>
bool Search<T>::solve_stretch(int first, int last) {
  if (--left_ < 0 || depth_ >= kDeepest) {
    left_ = -1;
    return false;
  }
  const std::vector<uint64_t> unplaced = unplaced_set(first, last);
  if (failed_.contains(unplaced, state_.floors(first, last))) return false;
  const int section = choose_section(first, last);
  const size_t mark = state_.mark();
  ++depth_;
  bool done = false;
  for (int id : choices(section)) {
    done = state_.place(id) && solve(first, last);
    if (done || left_ < 0) break;
    state_.undo(mark);
  }
  if (!done && left_ >= 0) {
    const T floor = next_floor(section);
    done = floor != PlacementState<T>::kPlaced && state_.raise(section, floor) && solve(first, last);
  }
  --depth_;
  if (done) return true;
  state_.undo(mark);
  if (left_ >= 0) failed_.add(unplaced, state_.floors(first, last));
  return false;
}

/// The section of the lowest floor; of equals that of the fewest choices, then of the least slack.
template <class T>
int Search<T>::choose_section(int first, int last) const {
  int best = first;
  const auto key = [&](int s) {
    const T slack = state_.slack(s);
    const auto choices = static_cast<T>(state_.candidates(s) + (slack > 0 ? 1 : 0));
    return weights_.tightest ? std::tuple(state_.floor(s), slack, choices) : std::tuple(state_.floor(s), choices, slack);
  };
  for (int s = first + 1; s <= last; ++s)
    if (state_.floor(s) <= state_.floor(best) && key(s) < key(best)) best = s;
  return best;
}

/// The stretch of sections of one floor around `section`, and the floors beside it; -1 where there is none.
template <class T>
typename Search<T>::Plateau Search<T>::plateau(int section) const {
  const T floor = state_.floor(section);
  const auto open = [&](int s) { return s >= 0 && s < state_.sections() && state_.unplaced(s) > 0; };
  Plateau found{section, section, -1, -1};
  while (open(found.first - 1) && state_.floor(found.first - 1) == floor) --found.first;
  while (open(found.last + 1) && state_.floor(found.last + 1) == floor) ++found.last;
  if (open(found.first - 1)) found.left = state_.floor(found.first - 1);
  if (open(found.last + 1)) found.right = state_.floor(found.last + 1);
  return found;
}

/// The buffers that could lie on the section's floor, in the order in which they are tried: by weight, and those first that begin or end
/// with the plateau, or on which the floor is level with the one beside it. Of equal ones only the first.
template <class T>
std::vector<int> Search<T>::choices(int section) const {
  const Plateau around = plateau(section);
  const T floor = state_.floor(section);
  std::vector<std::pair<double, int>> found;
  for (int id : state_.cover(section)) {
    if (state_.lowest(id) != floor) continue;
    const int first = state_.first(id), last = state_.last(id);
    const T bytes = state_.size(id), top = floor + bytes;
    if (id > 0 && !state_.placed(id - 1) && state_.first(id - 1) == first && state_.last(id - 1) == last && state_.size(id - 1) == bytes) continue;
    const int sides = (first == around.first) + (last == around.last), levels = (top == around.left) + (top == around.right);
    found.emplace_back(-weights_.of[static_cast<size_t>(id)] - weights_.side * sides - weights_.level * levels, id);
  }
  std::sort(found.begin(), found.end());
  std::vector<int> ids;
  for (const auto& [_, id] : found) ids.push_back(id);
  return ids;
}

/// The least that the section's floor can rise to when nothing lies on it: the lowest offset of another buffer of the section, or the top of
/// an unplaced buffer of other sections on which one of those that could have lain on the floor lies instead. kPlaced if there is none.
template <class T>
T Search<T>::next_floor(int section) const {
  T least = PlacementState<T>::kPlaced;
  int first = section, last = section;
  for (int id : state_.cover(section)) {
    if (state_.lowest(id) == state_.floor(section)) {
      first = std::min(first, state_.first(id));
      last = std::max(last, state_.last(id));
    } else {
      least = std::min(least, state_.lowest(id));
    }
  }
  for (int id = 0, end = state_.started(last); id < end; ++id) {
    if (state_.placed(id) || state_.last(id) < first || (state_.first(id) <= section && section <= state_.last(id))) continue;
    least = std::min<T>(least, state_.lowest(id) + state_.size(id));
  }
  return least;
}

template <class T>
std::vector<uint64_t> Search<T>::unplaced_set(int first, int last) const {
  std::vector<uint64_t> words(words_, 0);
  for (int id = first > 0 ? state_.started(first - 1) : 0, end = state_.started(last); id < end; ++id)
    if (!state_.placed(id)) words[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  return words;
}

/// Short runs with other weights each, on one memory of failures; whenever the nodes have doubled a long one, so that a proof gets its chance.
template <class T>
Decision search(const SectionProblem& problem, int64_t capacity, int64_t nodes) {
  Decision decision;
  Search<T> search(problem, static_cast<T>(capacity));
  std::minstd_rand random(1);
  const auto shortest = 2 * static_cast<int64_t>(problem.first.size()) + 100;
  int64_t next_long = 10 * shortest;
  for (size_t run = 0; decision.nodes < nodes && decision.verdict == Verdict::open; ++run) {
    const Style& style = kStyles[run % kStyles.size()];
    const double noise = run < kStyles.size() ? 0 : style.noise;
    int64_t length = shortest;
    if (decision.nodes >= next_long) {
      length = decision.nodes / 2;
      next_long = 2 * decision.nodes;
    }
    length = std::min(length, nodes - decision.nodes);
    decision.verdict = search.run(weights(problem, style, noise, random), length);
    decision.nodes += length - std::max<int64_t>(search.left(), 0);
  }
  if (decision.verdict == Verdict::found)
    for (int id = 0; id < search.state().buffers(); ++id) decision.offsets.push_back(search.state().offset(id));
  if (decision.verdict == Verdict::impossible) decision.bound = capacity + std::max<int64_t>(1, search.state().shortfall());
  return decision;
}

}  // namespace

Decision decide(const SectionProblem& problem, int64_t capacity, int64_t nodes) {
  // Sorted, without buffers of no bytes, in units of the sizes' greatest common divisor.
  std::vector<size_t> ids;
  int64_t unit = 0, largest = 0;
  for (size_t i = 0; i < problem.bytes.size(); ++i) {
    if (problem.bytes[i] == 0) continue;
    ids.push_back(i);
    unit = std::gcd(unit, problem.bytes[i]);
    largest = std::max(largest, problem.bytes[i]);
  }
  if (ids.empty()) return {Verdict::found, std::vector<int64_t>(problem.bytes.size(), 0), 0, 0};
  const auto key = [&](size_t i) { return std::tuple(problem.first[i], problem.last[i], problem.bytes[i], i); };
  std::sort(ids.begin(), ids.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  SectionProblem scaled;
  scaled.sections = problem.sections;
  for (size_t i : ids) {
    scaled.first.push_back(problem.first[i]);
    scaled.last.push_back(problem.last[i]);
    scaled.bytes.push_back(problem.bytes[i] / unit);
  }
  const bool narrow = capacity / unit + largest / unit < std::numeric_limits<int32_t>::max();
  Decision decision = narrow ? search<int32_t>(scaled, capacity / unit, nodes) : search<int64_t>(scaled, capacity / unit, nodes);
  decision.bound *= unit;
  std::vector<int64_t> offsets(problem.bytes.size(), 0);
  for (size_t i = 0; i < decision.offsets.size(); ++i) offsets[ids[i]] = decision.offsets[i] * unit;
  decision.offsets = std::move(offsets);
  return decision;
}

}  // namespace netc
