// The choice of what to keep when memory has a price: a least cut. It gives choices for every budget, and a bound that no choice beats.
#pragma once

#include <vector>

#include "fit/problem.h"

namespace netc {

/// One vertex of the lower hull of (bytes, seconds).
struct PricedChoice {
  Keep keep;
  double seconds = 0;  ///< of the calls that run again
  int64_t bytes = 0;   ///< of the kept tensors that have a price
};

/// Least seconds + price * bytes, where `priced` says which tensors pay for being kept and `needed` which must be at hand in the backward pass;
/// `held` tensors are at hand for nothing. `price` is in seconds a byte.
///
/// A tensor is at hand when it is kept or its makers run again; a call can run again when all that it reads is at hand. That is a closure problem,
/// so the least cut solves it exactly (Picard 1976): source -> needed tensor; tensor -> its makers, the price of keeping it; makers -> what they
/// read; makers -> sink, the time they take.
PricedChoice priced_choice(const FitProblem& problem, const std::vector<bool>& needed, const std::vector<bool>& priced, const std::vector<bool>& held,
                           double price);

/// The end of the forward pass, and what is live there whatever is kept, in any order of the calls that ends the forward pass before the backward pass
/// begins.
struct Moment {
  int64_t other_bytes = 0;   ///< of what lives always and of gradients that are made and not used up
  std::vector<bool> needed;  ///< by tensor: a backward call reads it
};

Moment end_of_forward(const FitProblem& problem);

/// All vertices of the hull, from keeping everything to keeping least; at most `most`, evenly chosen by halving.
std::vector<PricedChoice> frontier(const FitProblem& problem, const Moment& moment, int most);

/// No plan that runs these calls in `budget` bytes, the forward pass before the backward pass, whatever the order within each and however often a call
/// runs again, takes fewer seconds for running calls again; infinite where none fits. For what is not live at the moment must be made again behind it; by
/// Lagrangian duality, for any price, least(seconds + price * bytes) - price * room is such a bound; the best price is found on the hull.
double least_seconds(const FitProblem& problem, const Moment& moment, int64_t budget);

}  // namespace netc
