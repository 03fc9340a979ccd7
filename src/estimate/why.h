// Why a network takes what it takes: what is alive at the peak, and what would lower it. As a value, as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "plan/plan.h"

namespace netc {

/// A buffer that is alive at the peak.
struct Alive {
  std::string name;
  MemoryClass cls = MemoryClass::transient;
  int64_t bytes = 0;
  int line = 0;     ///< of the file; 0: none
  std::string why;  ///< it is kept
};

/// The moment at which most is alive.
struct Peak {
  bool evaluation = false;  ///< in an evaluation batch, not in a training step
  int position = 0;         ///< of the call
  std::string moment;       ///< "while the weight gradient of fc1 is made"
  int64_t bytes = 0;        ///< alive there
  std::vector<Alive> alive; ///< the largest first
};

/// The peak of the schedule that the arena's size comes from.
Peak find_peak(const Graph& graph, const Plan& plan);

/// A change of the network or its training, and what it was measured to give.
struct Change {
  std::string kind;          ///< "micro_steps", "optimizer", "clip", "recompute", "input", "batch"
  std::string text;          ///< "batch 2x32 instead of 64"
  std::string effect;        ///< what becomes of the training, or of its result
  bool same_results = false; ///< the training is the same, but for the order of sums
  int64_t arena = 0;         ///< of the plan with the change
  std::optional<double> more_time = {};  ///< of a step, by the roofline model on the reference card: 0.02 is 2 %. Only where the step does the same
};

struct Why {
  std::string network, target;
  bool training = true;
  int64_t batch = 1, micro_steps = 1;
  int64_t arena = 0;
  Peak peak;
  std::vector<Change> changes;  ///< those that lower the arena, the best of each kind, the least arena first
  int tried = 0;                ///< changes planned
};

std::string why_text(const Why& why);
nlohmann::ordered_json why_json(const Why& why);

}  // namespace netc
