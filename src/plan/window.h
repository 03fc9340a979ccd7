// The best order of a short run of calls.
#pragma once

#include <optional>
#include <vector>

#include "plan/order.h"

namespace netc {

struct Wanted {
  int64_t floor = 0;   ///< so many bytes do no harm
  int64_t limit = 0;   ///< fewer than these are to be live
  bool settle = true;  ///< calls go back to where they were as far as the peak allows
};

/// An order of the calls [first, end) of the step, as positions, with as few live bytes at the most as can be found. Nothing where none is found: none
/// exists, or more states were promising than are followed. At most kLongestWindow calls.
///
/// What is live between two calls depends on which calls have run, not on their order. So the search goes by sets of calls that have run, from one size
/// to the next, and remembers for each set the order with the lowest peak (Ahn et al. 2020, "Ordering chaos", for inference).
std::optional<std::vector<int>> reorder(const Step& step, int first, int end, const Wanted& wanted);

constexpr int kLongestWindow = 128;

}  // namespace netc
