// Exact packing: is there a packing that ends at or below a capacity?
#pragma once

#include <cstdint>
#include <vector>

#include "plan/sections.h"

namespace netc {

enum class Verdict : uint8_t {
  found,
  impossible,  ///< proven: the search was exhausted
  open,        ///< the search was given up
};

struct Decision {
  Verdict verdict = Verdict::open;
  std::vector<int64_t> offsets;  ///< when found
  int64_t bound = 0;             ///< when impossible: no packing ends below; more than the capacity
  int64_t nodes = 0;             ///< spent
};

/// Searches for a packing of `problem` that ends at or below `capacity`, which is not below the liveness bound, through at most `nodes`
/// nodes, each a buffer placed or a gap left. Deterministic. A node takes microseconds where there are some hundred buffers.
Decision decide(const SectionProblem& problem, int64_t capacity, int64_t nodes);

}  // namespace netc
