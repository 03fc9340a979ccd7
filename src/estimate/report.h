// The report of `--estimate` as a value: rows, totals and the verdict. text.h and json.h render it.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "estimate/gpus.h"
#include "estimate/library.h"
#include "ir/graph.h"
#include "plan/plan.h"

namespace netc {

/// Bytes by MemoryClass.
struct ClassBytes {
  std::array<int64_t, 8> of{};

  int64_t operator[](MemoryClass c) const { return of[static_cast<size_t>(c)]; }
  int64_t& operator[](MemoryClass c) { return of[static_cast<size_t>(c)]; }
};

/// One layer (or the input); bytes are the buffers that belong to it, whenever they live.
struct LayerRow {
  std::string name, op, source;
  int line = 0;
  Shape output;
  int64_t parameters = 0;  ///< values; a tied weight counts at the first layer that has it
  int64_t macs = 0;        ///< of the forward pass, one sample
  int64_t flops = 0;       ///< 2 x macs
  ClassBytes bytes;
  std::string place;  ///< "in place", "view of pool2", "inside conv1"; empty when the layer has an output of its own
  std::string why;    ///< why its tensors are kept for the backward pass
  std::vector<std::string> inputs;  ///< names of the rows its inputs come from, as written
  std::vector<std::pair<std::string, std::string>> tensors;  ///< name and role of what it learns or tracks: weight, bias, norm, state
};

/// A tensor kept for the backward pass.
struct SavedTensor {
  std::string name, why;
  int64_t bytes = 0;
};

struct Totals {
  int64_t parameters = 0, macs = 0, flops = 0;
  ClassBytes bytes;
  int64_t arena = 0, lower_bound = 0, sum_of_buffers = 0, fixed = 0, per_image = 0;  ///< per_image: per sample
  int64_t evaluation = 0;  ///< end of the evaluation schedule
  bool packing_optimal = false;
  LibraryShare library;
  int64_t device = 0;  ///< arena + library
};

struct Verdict {
  int64_t memory = 0;                    ///< bytes to fit in; 0: none given
  std::string memory_name;               ///< "usable of a GeForce RTX 3060 12GB"; empty when only bytes were given
  std::optional<bool> fits;              ///< of `device` in `memory`
  std::optional<int64_t> largest_batch;  ///< found by planning; 0: not even one sample
  bool batch_unbounded = false;          ///< the largest batch is limited by the kernels' 32-bit sizes, not by memory
  std::vector<const Gpu*> cards;         ///< without `memory`: the smallest common cards it fits on
};

struct Report {
  std::string network, target, dtype, optimizer;
  std::string settings;  ///< the optimiser as a reader would write it: "sgd momentum 0.9"
  bool training = true;
  int64_t batch = 1, micro_steps = 1;
  int64_t tokens = 0;  ///< in a sequence, where a sample is one
  TrainSettings train;
  uint64_t seed = 1;
  std::string loss;   ///< "softmax"; empty when the network has none
  double smooth = 0;  ///< label smoothing
  std::vector<LayerRow> layers;  ///< the input first
  std::vector<SavedTensor> saved;
  Totals totals;
  Verdict verdict;
  std::vector<std::string> notes;
};

struct EstimateOptions {
  int64_t memory = 0;        ///< `--memory`, compared with arena + library as a card's is; goes before the card's
  const Gpu* gpu = nullptr;  ///< `--gpu`
  /// Bytes of the arena of a plan made for that batch; negative when there can be none. Asked for the largest batch.
  std::function<int64_t(int64_t batch)> arena_at;
  std::vector<std::string> notes;  ///< printed after the table: "assumed: ..."
};

/// The optimiser's name, and with what distinguishes its memory: {"sgd", "sgd momentum 0.9"}.
std::pair<std::string, std::string> optimizer_text(const TrainSettings& train);

/// The report of `plan`, which was made from `graph`. Training when the plan has a training schedule, else inference.
Report make_report(const Graph& graph, const Plan& plan, const EstimateOptions& options);

/// The largest batch b >= 0 with arena_at(b) + library <= memory and the next one over it (both really planned), looking first near
/// `guess`. Stops at `limit`.
int64_t largest_batch(const std::function<int64_t(int64_t)>& arena_at, int64_t library, int64_t memory, int64_t guess, int64_t limit);

}  // namespace netc
