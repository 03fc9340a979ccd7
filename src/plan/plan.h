// Plan: what the estimate prints, the emitted program allocates and the interpreter runs.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace netc {

enum class MemoryClass : uint8_t { parameters, optimizer, state, gradients, saved, transient, workspace, input };
std::string_view memory_class_name(MemoryClass c);

constexpr int64_t kAlignment = 256;  ///< bytes; every buffer starts and ends on it

struct Buffer {
  std::string name;
  MemoryClass cls = MemoryClass::transient;
  Type type;           ///< of the value that made it
  int slices = 1;      ///< that value's: bytes are those of a batch / slices
  int64_t bytes = 0;   ///< rounded up to kAlignment
  int first = 0;       ///< first schedule position that writes it
  int last = 0;        ///< last position that touches it, inclusive
  int64_t offset = -1; ///< in the arena
  LayerId layer;
  Location where;
  std::string why;     ///< why it is kept, where that is not clear from its class
};

/// Why a buffer is kept, for people.
std::string_view reason(const Buffer& buffer);

/// A named view of a buffer: what kernel calls refer to.
struct PlannedValue {
  std::string name;
  Type type;
  ValueKind kind = ValueKind::activation;
  BufferId buffer;
  LayerId layer;
  int same_as = -1;  ///< another name for the same bytes of this earlier value; -1: none
  ValueId id;        ///< the graph's value
  int slices = 1;    ///< it holds the samples of one slice of so many
};

struct Call {
  Literal kernel;
  Desc desc;  ///< the node's: Field::at(batch / slice.count) is what the kernel gets
  Few<int, 4> outputs, inputs;  ///< indices into Schedule::values, -1 for nullptr
  Phase phase = Phase::forward;
  Section section = Section::micro;
  LayerId layer;
  Slice slice;      ///< the samples it runs on
  int part = 0;     ///< which of the layer's forward calls, or one that belongs to it
  Literal purpose;  ///< "the weight gradient": completes "... of conv2"
  bool takes_workspace = false;
  int64_t workspace_minimum = 0;  ///< bytes the call must have
  int64_t workspace_offset = 0;   ///< the region granted: the minimum's buffer and what is free around it
  int64_t workspace_bytes = 0;
  BufferId workspace;             ///< the minimum's buffer, none if 0
};

/// The ordered kernel calls of one training step, or of one evaluation batch. Positions in lifetimes are indices into `calls`.
struct Schedule {
  std::vector<Call> calls;
  std::vector<PlannedValue> values;
  std::vector<Buffer> buffers;
  int64_t end = 0;          ///< highest byte used, persistent buffers included
  int64_t lower_bound = 0;  ///< persistent bytes + largest sum of live bytes at any position
  int peak = 0;             ///< a position where that sum is reached
  bool packing_optimal = false;  ///< end == lower_bound
};

struct Plan {
  std::string target;  ///< "cpu" or "cuda"
  int64_t batch = 1;   ///< samples of one micro-step
  int input_slots = 1; ///< 2: the next batch is copied while this one is used
  Schedule train;      ///< empty when the plan is for inference only
  Schedule evaluate;   ///< shares the persistent buffers (same index, same offset) with `train`
  int persistent = 0;  ///< the first `persistent` buffers of both schedules live always
  int64_t arena = 0;   ///< bytes of the one allocation
  int64_t lower_bound = 0;
  int64_t sum_of_buffers = 0;  ///< what the same buffers take without reuse
  int64_t fixed = 0, per_image = 0;  ///< at the peak: fixed + per_image * batch <= lower_bound, equal but for alignment
};

/// The bytes of a buffer that a call reads or writes as one of its operands.
struct Stretch {
  int64_t offset = 0;  ///< from the start of the buffer
  int64_t bytes = 0;
};

/// Of `value`, an operand of `call`: all of it, or the slice that the call runs on where the value holds the whole batch.
Stretch operand_stretch(const Call& call, const PlannedValue& value, int64_t batch);

}  // namespace netc
