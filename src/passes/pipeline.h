// The passes from a resolved network to a graph that can be planned, as a table: what each needs and gives.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "ir/graph.h"
#include "passes/differentiate.h"
#include "passes/fuse.h"
#include "passes/recompute.h"
#include "passes/schedule.h"

namespace netc {

/// Facts about a graph that passes establish.
enum Fact : uint32_t {
  kResolved = 1,    ///< layers and values, every shape known
  kOrdered = 2,     ///< Graph::order
  kTrainingStep = 4,///< Graph::nodes
  kEvaluation = 8,  ///< Graph::evaluation
};

struct Pass {
  std::string_view name;
  std::string_view summary;
  uint32_t needs = 0, gives = 0;
  void (*run)(Graph&) = nullptr;
  bool training_only = false;
  void (*for_target)(Graph&, const Target&) = nullptr;  ///< in place of `run`
};

constexpr std::array kPasses = {
    Pass{"fuse", "lets layers share work: relu after max-pool, activations inside the layer before them", kResolved, kOrdered, fuse},
    Pass{"differentiate", "forward, backward and update calls of one training step", kResolved | kOrdered, kTrainingStep, differentiate, true},
    Pass{"recompute", "makes again what `recompute LABEL` names", kResolved | kOrdered | kTrainingStep, kTrainingStep, recompute_labelled, true},
    Pass{"schedule", "the order of those calls: fewer bytes at the peak", kTrainingStep, kTrainingStep, nullptr, true, schedule},
    Pass{"evaluation", "the calls of one evaluation batch", kResolved | kOrdered, kEvaluation, lower_evaluation},
};

constexpr bool every_need_is_met() {
  uint32_t known = kResolved;
  for (const Pass& pass : kPasses) {
    if ((pass.needs & known) != pass.needs) return false;
    known |= pass.gives;
  }
  return (known & (kOrdered | kTrainingStep | kEvaluation)) == (kOrdered | kTrainingStep | kEvaluation);
}
static_assert(every_need_is_met(), "a pass stands before one that it needs");

}  // namespace netc
