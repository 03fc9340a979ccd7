// The order of a step's calls: fewer bytes live at the peak, the same results.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/sharing.h"

namespace netc {

/// Calls in the order given, which is one that runs, and what they are on.
struct Step {
  std::span<const Access> calls;
  std::span<const int64_t> bytes;  ///< by storage, as for Sharing
  std::span<const int> segment;    ///< by call, rising: calls of one segment stay before those of the next
};

/// Calls visit(storage, position, reads) for whatever the calls [first, end) read or write.
template <class Visit>
void for_each_touch(const Step& step, int first, int end, const Visit& visit) {
  for (int i = first; i < end; ++i) {
    const Access& call = step.calls[static_cast<size_t>(i)];
    for (int input : call.inputs)
      if (input >= 0) visit(input, i, true);
    for (int output : call.outputs)
      if (output >= 0) visit(output, i, false);
    if (call.continues >= 0) visit(call.continues, i, false);
  }
}

struct Order {
  std::vector<int> calls;  ///< indices into Step::calls
  int64_t peak = 0;        ///< the most live bytes at one position
  bool least = false;      ///< no order of these calls has a lower peak
};

/// Reorders calls around the position of the peak, again and again until nothing more is found. Calls that touch the same storage keep their order
/// unless both only read it, so every call reads the same bits and sums are made in the same order. Deterministic; where no move can lower the peak
/// it takes little more than a run of Sharing.
/// `settle`: calls go back to where they were as far as the peak allows; without it they stay where the search put them, which packs now better, now worse.
Order order_calls(const Step& step, bool settle = true);

/// The orders on the way to that one: from the one given on, each with a lower peak than the one before, or as low a one at fewer moments.
std::vector<Order> better_orders(const Step& step, bool settle = true);

/// What is live while call `position` runs, whatever the order: what calls that must precede it have left for it or for calls that must follow.
int64_t least_live_at(const Step& step, int position);

}  // namespace netc
