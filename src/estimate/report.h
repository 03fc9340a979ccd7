// The report of `--estimate` as a value: rows, totals and the verdict. text.h and json.h render it.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "estimate/gpus.h"
#include "estimate/largest.h"
#include "estimate/library.h"
#include "estimate/time_table.h"
#include "ir/graph.h"
#include "plan/plan.h"

namespace netc {

/// Bytes by MemoryClass.
struct ClassBytes {
  std::array<int64_t, 8> of{};

  int64_t operator[](MemoryClass c) const { return of[static_cast<size_t>(c)]; }
  int64_t& operator[](MemoryClass c) { return of[static_cast<size_t>(c)]; }
};

/// A call of a layer that takes scratch: what it must have, and what it is granted.
struct ScratchCall {
  std::string_view kernel;
  int64_t minimum = 0, granted = 0;  ///< bytes
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
  std::vector<ScratchCall> scratch;  ///< in the order of the calls
  std::vector<std::string> inputs;   ///< names of the rows its inputs come from, as written
  std::vector<std::pair<std::string, std::string>> tensors;  ///< name and role of what it learns or tracks: weight, bias, norm, state
};

/// A tensor kept for the backward pass.
struct SavedTensor {
  std::string name, why;
  int64_t bytes = 0;
};

/// Calls that take scratch, and what they get.
struct Scratch {
  int calls = 0;
  int64_t minimum = 0;            ///< the most that one of them must have, bytes
  int64_t least = 0, median = 0;  ///< of what they are granted, bytes
};

struct Totals {
  int64_t parameters = 0, macs = 0, flops = 0;
  ClassBytes bytes;
  int64_t arena = 0, lower_bound = 0, sum_of_buffers = 0, fixed = 0, per_image = 0;  ///< per_image: per sample
  int64_t evaluation = 0;  ///< end of the evaluation schedule
  Scratch scratch;
  bool packing_optimal = false;
  LibraryShare library;
  int64_t device = 0;  ///< arena + library
};

/// The memory a network is to fit in.
struct Room {
  int64_t memory = 0;  ///< bytes; 0: none given
  std::string name;    ///< "usable of a GeForce RTX 3060 12GB"; empty when only bytes were given
};
/// Of `--memory` in bytes (0: not given), else of `--gpu` (may be null).
Room room_in(int64_t memory, const Gpu* gpu);

struct Verdict {
  Room room;                             ///< what it is to fit in
  std::optional<bool> fits;              ///< of `device` in `memory`
  std::optional<int64_t> largest_batch;  ///< found by planning; 0: not even one sample
  bool batch_unbounded = false;          ///< the largest batch is limited by the kernels' 32-bit sizes, not by memory
  std::vector<const Gpu*> cards;         ///< without a room: the smallest common cards it fits on
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
  std::optional<TimeTable> time;  ///< where it was asked for; its layers are those of `layers`
};

struct EstimateOptions {
  int64_t memory = 0;        ///< `--memory`, compared with arena + library as a card's is; goes before the card's
  const Gpu* gpu = nullptr;  ///< `--gpu`
  bool time = false;         ///< `--time`: also the roofline time, on that card or the reference card
  PlanAt plan_at;            ///< plans a batch; asked for the largest one
  std::vector<std::string> notes;  ///< printed after the table: "assumed: ..."
};

/// The optimiser's name, and with what distinguishes its memory: {"sgd", "sgd momentum 0.9"}.
std::pair<std::string, std::string> optimizer_text(const TrainSettings& train);

/// The report of `plan`, which was made from `graph`. Training when the plan has a training schedule, else inference.
Report make_report(const Graph& graph, const Plan& plan, const EstimateOptions& options);

/// The largest batch found by planning, as the verdict and `--largest-batch` have it: of `plan`'s network in `memory` bytes, of which `library` are the
/// libraries' own.
Largest find_largest_batch(const PlanAt& plan_at, const Plan& plan, int64_t library, int64_t memory);

}  // namespace netc
