#include "plan/order.h"

#include <algorithm>
#include <numeric>

#include "plan/bound.h"
#include "plan/window.h"

namespace netc {

namespace {

/// Which calls must run before, and which after, one of them.
class Around {
 public:
  Around(const Step& step, int position) : step_(step), position_(position), earlier_(step.bytes.size(), 0), later_(step.bytes.size(), 0) {
    sweep(-1, earlier_);
    sweep(1, later_);
  }

  int64_t live() const {
    int64_t live = step_.calls[static_cast<size_t>(position_)].workspace;
    for (size_t i = 0; i < earlier_.size(); ++i)
      if (earlier_[i] != 0 && later_[i] != 0 && step_.bytes[i] != Sharing::kAlways) live += rounded(step_.bytes[i]);
    return live - taken_over();
  }

 private:
  static constexpr uint8_t kTouched = 1, kRead = 2, kWritten = 4;

  /// Marks, by storage, how the call and those that must run on one side of it use it.
  void sweep(int direction, std::vector<uint8_t>& marks) const {
    mark(position_, marks, true);
    const int count = static_cast<int>(step_.calls.size());
    const int segment = step_.segment[static_cast<size_t>(position_)];
    for (int i = position_ + direction; i >= 0 && i < count; i += direction) {
      if (step_.segment[static_cast<size_t>(i)] != segment || bound_to(i, marks)) mark(i, marks, false);
    }
  }

  /// Whether call i touches what marked calls touch, and one of the two writes it.
  bool bound_to(int i, const std::vector<uint8_t>& marks) const {
    bool bound = false;
    for_each_touch(step_, i, i + 1, [&](int storage, int, bool reads) {
      bound = bound || (marks[static_cast<size_t>(storage)] & (reads ? kWritten : kTouched)) != 0;
    });
    return bound;
  }

  void mark(int i, std::vector<uint8_t>& marks, bool self) const {
    for_each_touch(step_, i, i + 1, [&](int storage, int, bool reads) {
      marks[static_cast<size_t>(storage)] |= static_cast<uint8_t>(kTouched | (reads ? (self ? 0 : kRead) : kWritten));
    });
  }

  /// Bytes of an input that the output may take over, in some order.
  int64_t taken_over() const {
    const Access& call = step_.calls[static_cast<size_t>(position_)];
    if (call.continues >= 0) return rounded(step_.bytes[static_cast<size_t>(call.continues)]);
    if (call.in_place == Access::kNotInPlace || call.outputs[0] < 0) return 0;
    const int64_t bytes = step_.bytes[static_cast<size_t>(call.outputs[0])];
    if (bytes == Sharing::kAlways) return 0;
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const int input = call.inputs[i];
      if (input < 0 || (call.in_place >= 0 && static_cast<size_t>(call.in_place) != i)) continue;
      if ((later_[static_cast<size_t>(input)] & kRead) == 0 && step_.bytes[static_cast<size_t>(input)] == bytes) return rounded(bytes);
    }
    return 0;
  }

  const Step& step_;
  const int position_;
  std::vector<uint8_t> earlier_, later_;  ///< by storage
};

/// Lowers peak after peak.
class Ordering {
 public:
  Ordering(const Step& step, bool settle) : settle_(settle), bytes_(step.bytes), calls_(step.calls.begin(), step.calls.end()), segment_(step.segment) {
    order_.calls.resize(calls_.size());
    std::iota(order_.calls.begin(), order_.calls.end(), 0);
  }

  /// The order as it is and every better one on the way, the last the best.
  std::vector<Order> run() {
    std::vector<Order> found;
    const int rounds = static_cast<int>(kRounds / (calls_.size() + 1)) + 1;
    for (int i = 0;; ++i) {
      sharing_.run(calls_, bytes_);
      live_bytes(sharing_.buffers(), static_cast<int>(calls_.size()), live_);
      const LivenessBound bound = peak_of(live_);
      order_.peak = bound.bytes;
      order_.least = least_live_at(step(), bound.position) == bound.bytes;
      found.push_back(order_);
      if (order_.least || i == rounds || !lower(bound)) return found;
    }
  }

 private:
  static constexpr int64_t kRounds = 200'000;  ///< rounds x calls

  Step step() const { return {calls_, bytes_, segment_}; }

  /// Tries wider and wider windows around the peak, within its segment.
  bool lower(const LivenessBound& bound) {
    const int segment = segment_[static_cast<size_t>(bound.position)];
    const int begin = static_cast<int>(std::ranges::lower_bound(segment_, segment) - segment_.begin());
    const int end = static_cast<int>(std::ranges::upper_bound(segment_, segment) - segment_.begin());
    int tried = 0;
    for (int length = 16; length <= kLongestWindow; length *= 2) {
      const int first = std::max(begin, std::min(bound.position - length / 2, end - length));
      const int last = std::min(end, first + length);
      if (last - first == tried) return false;
      tried = last - first;
      if (const auto found = reorder(step(), first, last, {peak_outside(first, last), bound.bytes, settle_})) {
        apply(*found, first);
        return true;
      }
    }
    return false;
  }

  int64_t peak_outside(int first, int end) const {
    int64_t peak = 0;
    for (int i = 0; i < static_cast<int>(live_.size()); ++i)
      if (i < first || i >= end) peak = std::max(peak, live_[static_cast<size_t>(i)]);
    return peak;
  }

  void apply(const std::vector<int>& found, int first) {
    std::vector<Access> calls;
    std::vector<int> order;
    for (int i : found) calls.push_back(calls_[static_cast<size_t>(i)]), order.push_back(order_.calls[static_cast<size_t>(i)]);
    std::ranges::copy(calls, calls_.begin() + first);
    std::ranges::copy(order, order_.calls.begin() + first);
  }

  const bool settle_;
  std::span<const int64_t> bytes_;
  std::vector<Access> calls_;  ///< in the order so far
  std::span<const int> segment_;
  Order order_;
  Sharing sharing_;
  std::vector<int64_t> live_;  ///< by position
};

}  // namespace

int64_t least_live_at(const Step& step, int position) { return Around(step, position).live(); }

std::vector<Order> better_orders(const Step& step, bool settle) { return Ordering(step, settle).run(); }

Order order_calls(const Step& step, bool settle) { return better_orders(step, settle).back(); }

}  // namespace netc
