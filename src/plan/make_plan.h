// From the graph of a training step to buffers with offsets.
#pragma once

#include <optional>
#include <string>

#include "plan/plan.h"
#include "plan/target.h"

namespace netc {

/// Plans one training step (when the graph has one) and one evaluation batch of `batch` samples a micro-step.
/// Nothing, and `error` says which value, when a size leaves 63 bits or a kernel's 32-bit constants.
std::optional<Plan> make_plan(const Graph& graph, const Target& target, int64_t batch, std::string& error);

}  // namespace netc
