// Tight budgets: the network cut into blocks, each with its own price of memory, chosen by dynamic programming.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "fit/problem.h"

namespace netc {

/// A cut of the forward pass that one tensor crosses. Everything before it can be forgotten but for that.
struct BlockCut {
  int node = -1;    ///< after this node; -1: before the first, the loss's node: the end
  int tensor = -1;  ///< what crosses; -1 at both ends
};

/// A way to run the nodes between two cuts, both of whose tensors are kept.
struct BlockWay {
  int64_t kept = 0;     ///< bytes that stay until the block's backward pass, the tensor of its end among them
  int64_t working = 0;  ///< the most that is live while the block runs, forward or backward, but for what earlier blocks keep
  double seconds = 0;   ///< of calls that run again
  std::shared_ptr<const Keep> keep;  ///< the choice for all tensors it was measured in; of the block's own, it is the way's
};

/// The blocks of a network and the ways to run each stretch of them, for any budget.
class Blocks {
 public:
  /// `prices` are seconds a byte, from cheap to dear memory: for each stretch of blocks the least cut at each of them is one way.
  Blocks(const FitProblem& problem, const std::vector<double>& prices);

  /// The choice with the fewest seconds whose blocks fit in `budget` bytes, by the sums of this model; nothing when none does.
  std::optional<Keep> cheapest(int64_t budget) const;

 private:
  struct Label;

  void find_cuts();
  void measure_stretches(size_t length, size_t offset, double price);
  const std::vector<BlockWay>& ways(size_t from, size_t to) const { return ways_[from][to - from - 1]; }
  void extend(const std::vector<Label>& from, size_t i, size_t j, int64_t budget, std::vector<Label>& to) const;
  Keep assemble(const std::vector<std::vector<Label>>& labels) const;

  const FitProblem& problem_;
  std::vector<BlockCut> cuts_;
  std::vector<bool> across_;    ///< by tensor: it crosses many cuts (a skip connection of a U-Net) and is always kept
  std::vector<int> block_of_;   ///< by forward node
  std::vector<int> forward_of_; ///< by node of the step as it stands: the forward node of its layer and part
  std::vector<std::vector<std::vector<BlockWay>>> ways_;
};

}  // namespace netc
