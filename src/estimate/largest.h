// The largest size (of a batch, of an input) at which a network still fits, found by planning.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace netc {

/// What planning the network at one size gave.
struct Trial {
  int64_t size = 0;
  int64_t arena = -1;  ///< bytes; negative: no kernel takes numbers so large
  int64_t bound = -1;  ///< bytes that no packing can be below
};

/// Plans one size; nothing where the network cannot have it at all.
using PlanAt = std::function<std::optional<Trial>(int64_t size)>;

struct Search {
  int64_t room = 0;   ///< bytes the arena may have
  int64_t guess = 1;  ///< where to look first
  int64_t limit = 1;  ///< no size above this
  int64_t reach = 0;  ///< how far from a size that cannot be another one is looked for
};

struct Largest {
  std::optional<Trial> fits;  ///< none: not even the smallest does
  std::optional<Trial> next;  ///< the next size there is, which does not fit; none: there is none up to the limit, or within reach
  int planned = 0;            ///< sizes that were planned
  std::vector<int64_t> impossible;  ///< sizes looked at that the network cannot have, ascending
};

/// The largest size that fits and the next one over it, both really planned. An arena need not grow with the size, for packing may do better at
/// a larger one: so sizes above are tried, too, as long as their bound fits, and the answer is the largest found.
Largest find_largest(const PlanAt& plan_at, const Search& search);

}  // namespace netc
