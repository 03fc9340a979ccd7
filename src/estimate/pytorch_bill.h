// `--like pytorch`: what the same training step takes in eager PyTorch, and where the difference to netc's plan comes from.
#pragma once

#include <string>
#include <vector>

#include "estimate/gpus.h"
#include "estimate/library.h"
#include "estimate/pytorch_step.h"
#include "plan/plan.h"

namespace netc {

/// One kind of tensor at both peaks, in bytes.
struct BillLine {
  std::string what;  ///< "outputs of conv"
  int64_t pytorch = 0, netc = 0;
  std::string why;   ///< "kept by bn and relu"
  int64_t difference() const { return pytorch - netc; }
};

struct PytorchBill {
  std::string network, settings;  ///< settings: "sgd momentum 0.9"
  int64_t batch = 1, micro_steps = 1;
  PytorchRun run;
  int64_t rounding = 0;  ///< of the tensors at the peak: to 512 bytes, and what was not split off
  int64_t process = 0;   ///< max_memory_reserved and the libraries' share
  LibraryShare library;
  int64_t arena = 0;     ///< netc's plan
  std::vector<BillLine> lines;  ///< their sums are run.tensors and arena
  int64_t memory = 0;    ///< bytes to fit in; 0: none given
  bool fits = true;      ///< in `memory`
  std::string how;       ///< where it matters: "once cached segments are given back", "out of memory in ..."
};

/// `plan` is netc's for the same graph. `memory` as `--memory`, or 0; `gpu` may be null: then the reference card's figures count.
PytorchBill pytorch_bill(const Graph& graph, const Plan& plan, const std::string& settings, int64_t memory, const Gpu* gpu);

std::string pytorch_bill_text(const PytorchBill& bill);
/// The same as JSON: an interface; keys are added, never renamed. Bytes.
std::string pytorch_bill_json(const PytorchBill& bill);

}  // namespace netc
