// From nodes to calls on values and buffers: who shares bytes with whom, and when each buffer lives.
#pragma once

#include <span>
#include <string>

#include "plan/plan.h"
#include "plan/target.h"

namespace netc {

/// Buffers that live always: parameters, optimiser state, running statistics, the input and its labels, metrics. They come first
/// in every schedule, at offsets one after the other from 0.
struct Persistent {
  std::vector<Buffer> buffers;
  std::vector<PlannedValue> values;
  std::vector<int> value_of;  ///< by ValueId: index into values, -1 for values that are not persistent
  Size bytes = 0;            ///< of all of them; not ok() when they do not fit in 63 bits
};

/// By value id: the value whose bytes it names, after `aliases`, further names of values.
std::vector<int> storages(const Graph& graph, std::span<const std::pair<ValueId, ValueId>> aliases = {});

/// Where the slice of a tensor may begin, in bytes: cuDNN's tensors want it, and no kernel of the runtime loads more at a time (decision 0009).
constexpr int64_t kSliceAlignment = 16;

/// Why a batch of `batch` samples cannot be cut as `node`, whose operands have the storages `storage`, wants it: another number of samples in some
/// slices, or an operand's slice that does not begin at a multiple of kSliceAlignment. Empty where it can.
std::string slice_fault(const Graph& graph, const Node& node, std::span<const int> storage, int64_t batch);

/// Whether values of that kind are persistent.
bool lives_always(ValueKind kind, bool training);
/// Bytes of such a value: of every slot, rounded up. Not ok() where they do not fit.
Size always_bytes(const Value& value, const Target& target, int64_t batch);

/// Scratch that the call must have for its slice of the batch, rounded up to kAlignment; for nodes that take any.
int64_t workspace_bytes(const Node& node, const Target& target, int64_t batch);

Persistent persistent_buffers(const Graph& graph, const Target& target, int64_t batch, bool training);

/// Calls, values and buffers of `nodes`, without offsets for what is not persistent. `aliases` are further names of values.
/// False, with `error`, when a size overflows.
bool lay_out(const Graph& graph, std::span<const Node> nodes, std::span<const std::pair<ValueId, ValueId>> aliases, const Target& target,
             int64_t batch, const Persistent& persistent, Schedule& schedule, std::string& error);

}  // namespace netc
