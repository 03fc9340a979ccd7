// A few training steps of the network in eager PyTorch, replayed allocation by allocation: module, loss and optimiser as bench programs and
// torchvision have them (docs/like_pytorch.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "estimate/pytorch_storage.h"
#include "ir/graph.h"

namespace netc {

/// The program that is replayed: zero_grad(), forward, backward, optimizer.step(), with the optimiser's foreach implementation. The batch lies on
/// the device throughout. Gradients are absent (None) in the first forward pass of a step.
struct PytorchProgram {
  int64_t batch = 1;
  int steps = 3;
  int64_t blas_workspace = 0;  ///< bytes that each of the two cuBLAS handles takes (pytorch_blas_workspace)
  bool holds_scores = false;   ///< a loop that names the scores, `out = model(x)`: they live until the next step has its own
  int64_t capacity = 0;        ///< bytes of the device; 0: no limit
};

struct PytorchRun {
  bool completed = true;  ///< false: out of memory, at `moment`; the figures are those until then
  int64_t max_allocated = 0, max_reserved = 0;
  int64_t tensors = 0;    ///< the most bytes of tensors at one moment, before any rounding; cuBLAS workspaces among them
  int64_t allocated_at_peak = 0;         ///< the blocks at that moment
  std::vector<PytorchStorage> at_peak;   ///< what they are
  int64_t saved = 0;      ///< bytes that only the backward pass needs, at its start: its tensors without parameters, statistics and the batch
  std::string moment;     ///< "the backward pass of fc1": when they are most
  std::map<std::string, int64_t> by_moment;  ///< the most bytes of tensors in each
};

/// Wants a graph with a loss; its `train` says optimiser, decay and micro-steps. Reads the layers as written, before any pass.
PytorchRun run_pytorch(const Graph& graph, const PytorchProgram& program);

/// Bytes of a cuBLAS handle's workspace in PyTorch by compute capability (90: 9.0): 32 MiB from 9.0 on, else 2 x 4 MiB + 16 x 8 KiB.
int64_t pytorch_blas_workspace(int capability);

}  // namespace netc
