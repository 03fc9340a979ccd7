// `--fit`: the cheapest way to train a network in a given memory: what to make again, and how many micro-steps to take.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "fit/search.h"

namespace netc {

struct FitWish {
  int64_t budget = 0;  ///< bytes the arena may have
  Rates rates;         ///< of the device whose time counts
  /// The training step after all passes, with so many micro-steps of so many samples.
  std::function<Graph(int64_t micro_steps, int64_t batch)> step;
  int64_t micro_steps = 1, batch = 1;  ///< as the file has them
  /// Splitting a batch into micro-steps does not change what is computed but for rounding: no layer takes statistics over the batch.
  bool may_split = true;
  std::function<void(const std::string&)> say = [](const std::string&) {};  ///< told what is being searched
};

/// A way to train the network.
struct FitOffer {
  int64_t micro_steps = 1, batch = 1;  ///< samples of a micro-step
  int64_t bytes = 0;    ///< the most that is live, with what lives always; no arena is below
  double seconds = 0;   ///< of a whole step, by the roofline
  double flops = 0;     ///< likewise
  int made_again = 0;   ///< tensors
  bool slices = false;  ///< some calls run on slices of the batch: gradients are summed in another order
  double bound = 0;     ///< no step of these calls in so many bytes takes fewer seconds (least_seconds)
};

struct Fitted {
  FitOffer plain;                ///< as the file has it, keeping everything that `recompute LABEL` does not name
  std::optional<FitOffer> best;  ///< the cheapest that fits; nothing where none was found
  std::optional<FitOffer> own;   ///< the cheapest that fits with the file's micro-steps
  Graph graph;                   ///< the step of `best`
  double bound = 0;              ///< seconds: no way within the budget with these micro-steps takes fewer
  FitOffer least;                ///< the least bytes found with the file's micro-steps
  std::vector<FitOffer> prices;  ///< the file's micro-steps: from `plain` to `least`, each with fewer bytes and more seconds than the one before
  std::vector<FitOffer> splits;  ///< keeping everything, with more micro-steps
};

/// Searches. Deterministic. `target` must outlive the result.
Fitted fit(const FitWish& wish, const Target& target);

}  // namespace netc
