// The best order of a short run of calls.
#pragma once

#include <optional>
#include <vector>

#include "plan/order.h"

namespace netc {

/// An order of the calls [first, end) of the step, as positions, in which fewer than `limit` bytes are live at each of them; up to `floor` bytes do no
/// harm. It differs from the step's no more than it needs to. Nothing where none is found: none exists, or more states were promising than are followed.
/// At most kLongestWindow calls.
///
/// What is live between two calls depends on which calls have run, not on their order. So the search goes by sets of calls that have run, from one size
/// to the next, and remembers for each set the order with the lowest peak (Ahn et al. 2020, "Ordering chaos", for inference).
std::optional<std::vector<int>> reorder(const Step& step, int first, int end, int64_t floor, int64_t limit);

constexpr int kLongestWindow = 128;

}  // namespace netc
