// An independent check of a plan: shares no code with the packer or with the computation of lifetimes.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"
#include "plan/plan.h"

namespace netc {

/// What is wrong with `plan`, one sentence each, at most 20; empty when nothing is. From the calls alone it works out
/// - that buffers are aligned, inside the arena, as large as their tensors, and live whenever a call touches them;
/// - that no two buffers which are live at once, and no workspace granted to a call, share bytes (a sweep over time);
/// - that every read sees the value it names: written earlier in the step (or persistent) and not overwritten since by another value
///   in the same buffer, all samples of it that the call reads, and that a kernel writes over what it reads only where `graph` lets it;
/// - that persistent buffers are the same in both schedules, that a parameter is updated once and not read after it, and that sums over
///   micro-steps live through all of them;
/// - the arena, the lower bound and the other totals.
/// O(n log n) in the number of calls and buffers.
std::vector<std::string> validate(const Plan& plan, const Graph& graph);

}  // namespace netc
