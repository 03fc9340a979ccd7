#include "plan/window.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace netc {

namespace {

constexpr size_t kFollowed = 48;  ///< sets of one size that are followed

/// A set of calls of the window.
struct Mask {
  std::array<uint64_t, kLongestWindow / 64> words{};

  void set(int i) { words[static_cast<size_t>(i) / 64] |= uint64_t{1} << (i % 64); }
  bool has(int i) const { return (words[static_cast<size_t>(i) / 64] >> (i % 64) & 1) != 0; }
  Mask& operator|=(const Mask& other) {
    for (size_t i = 0; i < words.size(); ++i) words[i] |= other.words[i];
    return *this;
  }
  bool meets(const Mask& other) const { return (words[0] & other.words[0]) != 0 || (words[1] & other.words[1]) != 0; }
  /// Whether all of this but `except` is in `other`.
  bool within(const Mask& other, int except = -1) const {
    for (size_t i = 0; i < words.size(); ++i) {
      uint64_t missing = words[i] & ~other.words[i];
      if (except >= 0 && static_cast<size_t>(except) / 64 == i) missing &= ~(uint64_t{1} << (except % 64));
      if (missing != 0) return false;
    }
    return true;
  }
  friend auto operator<=>(const Mask&, const Mask&) = default;
};

/// A storage that calls of the window touch.
struct Touched {
  int64_t exact = 0, bytes = 0;  ///< before rounding, and rounded up; 0 for what lives always
  bool always = false, before = false, after = false, read_after = false;  ///< touched before or after the window
  Mask readers, writers, all;
};

struct WindowCall {
  const Access* access = nullptr;
  std::vector<int> outputs, inputs, touched;  ///< indices into the table of Touched, -1: nullptr; touched: each once
  int continues = -1;
  Mask after;  ///< calls that must have run
};

/// A set of calls that have run in some order.
struct State {
  Mask done;
  int64_t live = 0, peak = 0;
  int parent = -1, call = -1;
};

class Window {
 public:
  Window(const Step& step, int first, int end) : first_(first), end_(end) {
    const std::vector<int> index = find_touched(step);
    for (int i = first; i < end; ++i) add_call(step.calls[static_cast<size_t>(i)], index);
    live_ = live_before(step, index);
  }

  std::optional<std::vector<int>> search(const Wanted& wanted) {
    states_ = {State{{}, live_, wanted.floor, -1, -1}};
    size_t from = 0;
    for (size_t size = 0; size < calls_.size(); ++size) {
      const size_t to = states_.size();
      next_.clear();
      known_.clear();
      for (size_t i = from; i < to; ++i) expand(static_cast<int>(i), wanted.limit);
      if (next_.empty()) return std::nullopt;
      keep_the_best();
      from = to;
      states_.insert(states_.end(), next_.begin(), next_.end());
    }
    std::vector<int> order;
    for (int i = static_cast<int>(from); states_[static_cast<size_t>(i)].call >= 0; i = states_[static_cast<size_t>(i)].parent)
      order.push_back(states_[static_cast<size_t>(i)].call);
    std::ranges::reverse(order);
    while (wanted.settle && move_back(order, wanted.floor, states_[from].peak)) {
    }
    for (int& call : order) call += first_;
    return order;
  }

 private:
  /// By storage: index into touched_.
  std::vector<int> find_touched(const Step& step) {
    std::vector<int> index(step.bytes.size(), -1);
    for_each_touch(step, first_, end_, [&](int storage, int, bool) {
      int& at = index[static_cast<size_t>(storage)];
      if (at >= 0) return;
      at = static_cast<int>(touched_.size());
      const int64_t bytes = step.bytes[static_cast<size_t>(storage)];
      Touched made;
      made.always = bytes == Sharing::kAlways;
      made.exact = made.always ? 0 : bytes;
      made.bytes = rounded(made.exact);
      touched_.push_back(made);
    });
    return index;
  }

  int64_t live_before(const Step& step, const std::vector<int>& index) {
    std::vector<bool> before(step.bytes.size(), false), after(step.bytes.size(), false);
    for_each_touch(step, 0, first_, [&](int storage, int, bool) { before[static_cast<size_t>(storage)] = true; });
    for_each_touch(step, first_, static_cast<int>(step.calls.size()), [&](int storage, int position, bool reads) {
      after[static_cast<size_t>(storage)] = true;
      const int at = index[static_cast<size_t>(storage)];
      if (position < end_ || at < 0) return;
      touched_[static_cast<size_t>(at)].after = true;
      if (reads) touched_[static_cast<size_t>(at)].read_after = true;
    });
    int64_t live = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      if (index[i] >= 0) touched_[static_cast<size_t>(index[i])].before = before[i];
      if (before[i] && after[i] && step.bytes[i] != Sharing::kAlways) live += rounded(step.bytes[i]);
    }
    return live;
  }

  void add_call(const Access& access, const std::vector<int>& index) {
    const int self = static_cast<int>(calls_.size());
    WindowCall call;
    call.access = &access;
    const auto local = [&](int storage) { return storage < 0 ? -1 : index[static_cast<size_t>(storage)]; };
    const auto touch = [&](int at, bool reads, bool writes) {
      if (at < 0) return;
      Touched& touched = touched_[static_cast<size_t>(at)];
      call.after |= writes ? touched.all : touched.writers;
      if (std::ranges::find(call.touched, at) == call.touched.end()) call.touched.push_back(at);
      if (reads) touched.readers.set(self);
    };
    for (int input : access.inputs) call.inputs.push_back(local(input)), touch(call.inputs.back(), true, false);
    for (int output : access.outputs) call.outputs.push_back(local(output)), touch(call.outputs.back(), false, true);
    call.continues = local(access.continues);
    touch(call.continues, false, true);
    for (int at : call.touched) touched_[static_cast<size_t>(at)].all.set(self);
    for (int at : call.outputs)
      if (at >= 0) touched_[static_cast<size_t>(at)].writers.set(self);
    if (call.continues >= 0) touched_[static_cast<size_t>(call.continues)].writers.set(self);
    calls_.push_back(std::move(call));
  }

  /// Swaps neighbours that stand in another order than they did, where the peak allows it.
  bool move_back(std::vector<int>& order, int64_t floor, int64_t peak) const {
    bool moved = false;
    State state{{}, live_, floor, -1, -1};
    for (size_t i = 0; i + 1 < order.size(); ++i) {
      const int call = order[i], next = order[i + 1];
      if (call > next && !calls_[static_cast<size_t>(next)].after.has(call) && run(run(state, next), call).peak <= peak) {
        std::swap(order[i], order[i + 1]);
        moved = true;
      }
      state = run(state, order[i]);
    }
    return moved;
  }

  /// All sets with one call more. A call that does not raise what is live, nor the peak, is run at once: no order that runs it later is better.
  void expand(int parent, int64_t limit) {
    const State from = states_[static_cast<size_t>(parent)];
    children_.clear();
    for (int i = 0; i < static_cast<int>(calls_.size()); ++i) {
      if (from.done.has(i) || !calls_[static_cast<size_t>(i)].after.within(from.done)) continue;
      State child = run(from, i);
      child.parent = parent;
      if (child.live <= from.live && child.peak <= from.peak) {
        children_ = {child};
        break;
      }
      if (child.peak < limit) children_.push_back(child);
    }
    for (const State& child : children_) {
      const auto [at, is_new] = known_.try_emplace(child.done, next_.size());
      if (is_new)
        next_.push_back(child);
      else if (child.peak < next_[at->second].peak)
        next_[at->second] = child;
    }
  }

  State run(const State& from, int which) const {
    const WindowCall& call = calls_[static_cast<size_t>(which)];
    State to = from;
    to.call = which;
    to.done.set(which);
    const int taken = call.continues >= 0 ? call.continues : overwritten(call, which, from.done);
    int64_t added = 0, freed = 0;
    for (size_t k = 0; k < call.outputs.size(); ++k) {
      if (call.outputs[k] < 0 || (k == 0 && taken >= 0)) continue;
      const Touched& output = touched_[static_cast<size_t>(call.outputs[k])];
      if (!output.before && !output.writers.meets(from.done)) added += output.bytes;
    }
    for (int at : call.touched) {
      const Touched& touched = touched_[static_cast<size_t>(at)];
      if (at != taken && !touched.after && touched.all.within(to.done)) freed += touched.bytes;
    }
    to.peak = std::max(from.peak, from.live + added + call.access->workspace);
    to.live = from.live + added - freed;
    return to;
  }

  /// The input whose bytes outputs[0] takes over, as Sharing has it; -1: none.
  int overwritten(const WindowCall& call, int which, const Mask& done) const {
    const int in_place = call.access->in_place;
    if (in_place == Access::kNotInPlace || call.outputs[0] < 0) return -1;
    const Touched& output = touched_[static_cast<size_t>(call.outputs[0])];
    if (output.always || output.before || output.writers.meets(done)) return -1;
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const int at = call.inputs[i];
      if (at < 0 || (in_place >= 0 && static_cast<size_t>(in_place) != i)) continue;
      const Touched& input = touched_[static_cast<size_t>(at)];
      if (input.always || input.read_after || !input.readers.within(done, which) || input.exact != output.exact) continue;
      if (in_place >= 0 && std::ranges::count(call.inputs, at) > 1) continue;
      return at;
    }
    return -1;
  }

  void keep_the_best() {
    const auto better = [](const State& a, const State& b) { return std::tie(a.peak, a.live, a.done) < std::tie(b.peak, b.live, b.done); };
    if (next_.size() <= kFollowed) return;
    std::ranges::nth_element(next_, next_.begin() + kFollowed, better);
    next_.resize(kFollowed);
  }

  const int first_, end_;
  int64_t live_ = 0;
  std::vector<Touched> touched_;
  std::vector<WindowCall> calls_;
  std::vector<State> states_, next_, children_;
  std::map<Mask, size_t> known_;  ///< index into next_
};

}  // namespace

std::optional<std::vector<int>> reorder(const Step& step, int first, int end, const Wanted& wanted) {
  return Window(step, first, end).search(wanted);
}

}  // namespace netc
