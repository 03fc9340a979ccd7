#include "plan/lifetimes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "plan/sharing.h"
#include "support/check.h"

namespace netc {

namespace {

MemoryClass persistent_class(ValueKind kind) {
  switch (kind) {
    case ValueKind::parameter: return MemoryClass::parameters;
    case ValueKind::optimizer: return MemoryClass::optimizer;
    case ValueKind::input:
    case ValueKind::label: return MemoryClass::input;
    default: return MemoryClass::state;
  }
}

std::string why_always(const Graph& graph, const Value& value) {
  switch (value.kind) {
    case ValueKind::parameter: return "learned";
    case ValueKind::optimizer: return fmt::format("the optimiser's memory of {}", graph[value.of].name);
    case ValueKind::input: return "the batch";
    case ValueKind::label: return "the batch's labels";
    case ValueKind::metrics: return "sums of the loss and of right answers";
    default: return "running statistics for evaluation";
  }
}

class Layout {
 public:
  Layout(const Graph& graph, std::span<const Node> nodes, const Target& target, int64_t batch, Schedule& schedule, std::string& error)
      : graph_(graph), nodes_(nodes), target_(target), batch_(batch), s_(schedule), error_(error),
        bytes_(graph.values.size(), 0), value_of_(graph.values.size(), -1) {}

  bool run(std::span<const std::pair<ValueId, ValueId>> aliases, const Persistent& persistent) {
    persistent_ = static_cast<int>(persistent.buffers.size());
    storage_ = storages(graph_, aliases);
    for (size_t i = 0; i < persistent.value_of.size(); ++i)
      if ((value_of_[i] = persistent.value_of[i]) >= 0) bytes_[i] = Sharing::kAlways;
    std::vector<Access> accesses;
    accesses.reserve(nodes_.size());
    s_.calls.reserve(nodes_.size());
    for (const Node& node : nodes_)
      if (!add_call(node) || !add_access(node, s_.calls.back(), accesses)) return false;
    // The end of a network without a loss is read by whoever runs it.
    const bool wanted = graph_.output.valid() && !graph_.loss.valid();
    sharing_.run(accesses, bytes_, wanted ? storage(graph_.output).index : Access::kNone);
    s_.values = persistent.values;
    s_.values.reserve(graph_.values.size());
    s_.buffers = persistent.buffers;
    s_.buffers.reserve(persistent.buffers.size() + sharing_.buffers().size());
    for (size_t i = 0; i < nodes_.size(); ++i) name_values(nodes_[i], s_.calls[i]);
    classify();
    return true;
  }

 private:
  ValueId storage(ValueId id) const { return ValueId{storage_[id.at()]}; }

  bool add_call(const Node& node) {
    Call call;
    call.kernel = node.kernel;
    call.phase = node.phase;
    call.section = node.section;
    call.layer = node.layer;
    call.slice = node.slice;
    call.part = node.part;
    call.purpose = node.purpose;
    error_ = slice_fault(graph_, node, storage_, batch_);
    if (!error_.empty() || !set_constants(node, call)) return false;
    call.takes_workspace = node.workspace;
    if (node.workspace) call.workspace_minimum = workspace_bytes(node, target_, batch_);
    s_.calls.push_back(std::move(call));
    return true;
  }

  bool add_access(const Node& node, const Call& call, std::vector<Access>& accesses) {
    for (ValueId output : node.outputs)
      if (output.valid() && !measure(storage(output))) return false;
    accesses.push_back(make_access(node, [&](ValueId id) { return id.valid() ? storage(id).index : Access::kNone; }));
    accesses.back().workspace = call.workspace_minimum;
    return true;
  }

  bool measure(ValueId stored) {
    if (bytes_[stored.at()] == Sharing::kAlways) return true;
    const Value& value = graph_[stored];
    const Size bytes = value_bytes(value, batch_);
    bytes_[stored.at()] = bytes.value();
    if (round_up(bytes, kAlignment).ok()) return true;
    error_ = fmt::format("{} ({} a sample) does not fit in 63 bits at a batch of {}", value.name, shape_text(value.type.shape), batch_);
    return false;
  }

  /// Every constant but a `count` must fit in 32 bits, the per-sample ones times the batch.
  bool set_constants(const Node& node, Call& call) {
    call.desc = node.desc;
    for (const Field& field : call.desc.fields) {
      if (field.kind != Field::Kind::integer) continue;
      const Size value = Size(field.integer < 0 ? 0 : field.integer) * Size(field.per_sample ? batch_ / node.slice.count : 1);
      const bool fits = value.ok() && (field.name == "count" || value.value() <= std::numeric_limits<int32_t>::max());
      if (!fits) {
        error_ = fmt::format("`{}` of {} does not fit: {} a sample times a batch of {}", field.name, graph_[node.layer].name, field.integer, batch_);
        return false;
      }
    }
    return true;
  }

  /// Gives what a call reads and writes their planned values, and new buffers their names.
  void name_values(const Node& node, Call& call) {
    for (ValueId input : node.inputs) {
      const int value = input.valid() ? named(input) : -1;
      NETC_CHECK(value >= 0 || !input.valid(), "a kernel reads a value that nothing wrote");
      call.inputs.push_back(value);
    }
    for (ValueId output : node.outputs) call.outputs.push_back(output.valid() ? written(output) : -1);
    if (call.workspace_minimum > 0) call.workspace = add_workspace(call);
  }

  /// The planned value of `id`; a view gets one of its own when its storage has one.
  int named(ValueId id) {
    if (value_of_[id.at()] >= 0) return value_of_[id.at()];
    const ValueId stored = storage(id);
    if (stored == id || value_of_[stored.at()] < 0) return -1;
    const int of = value_of_[stored.at()];
    return add_value(id, s_.values[static_cast<size_t>(of)].buffer, of);
  }

  int add_value(ValueId id, BufferId buffer, int same_as) {
    const Value& value = graph_[id];
    s_.values.push_back({value.name, value.type, value.kind, buffer, value.layer, same_as, id, value.slices});
    return value_of_[id.at()] = static_cast<int>(s_.values.size()) - 1;
  }

  int written(ValueId id) {
    const int known = named(id);
    if (known >= 0) return known;
    const ValueId stored = storage(id);
    const BufferId buffer{persistent_ + sharing_.buffer_of(stored.index)};
    if (buffer.at() == s_.buffers.size()) add_buffer(graph_[stored]);
    const int value = add_value(stored, buffer, -1);
    return stored == id ? value : named(id);
  }

  void add_buffer(const Value& value) {
    Buffer buffer;
    buffer.name = value.name;
    buffer.type = value.type;
    buffer.slices = value.slices;
    buffer.cls = value.kind == ValueKind::gradient ? MemoryClass::gradients : MemoryClass::transient;
    push(std::move(buffer), value.layer);
  }

  BufferId add_workspace(const Call& call) {
    Buffer buffer;
    buffer.name = fmt::format("{}.{}.workspace", graph_[call.layer].name, call.kernel);
    buffer.type = {DType::u8, {call.workspace_minimum}, false};
    buffer.cls = MemoryClass::workspace;
    buffer.why = fmt::format("scratch of {}", call.kernel);
    push(std::move(buffer), call.layer);
    return BufferId{static_cast<int32_t>(s_.buffers.size()) - 1};
  }

  /// The next buffer in the order of first uses.
  void push(Buffer buffer, LayerId layer) {
    const Interval& lives = sharing_.buffers()[s_.buffers.size() - static_cast<size_t>(persistent_)];
    buffer.bytes = lives.bytes;
    buffer.first = lives.first;
    buffer.last = lives.last;
    buffer.layer = layer;
    if (layer.valid()) buffer.where = graph_[layer].where;
    s_.buffers.push_back(std::move(buffer));
  }

  /// Saved are the tensors of the forward pass that the backward pass reads; the reading calls say why.
  void classify() {
    std::vector<Phase> made(s_.buffers.size(), Phase::forward);
    std::vector<bool> seen(s_.buffers.size(), false);
    for (const Call& call : s_.calls) {
      for (int value : call.inputs)
        if (value >= 0 && call.phase == Phase::backward) explain(call, value, made);
      for (int value : call.outputs) {
        if (value < 0) continue;
        const BufferId id = s_.values[static_cast<size_t>(value)].buffer;
        // A gradient may move into the bytes of a saved tensor at the end of its life: what it was made for still counts.
        if (!seen[id.at()]) seen[id.at()] = true, made[id.at()] = call.phase;
      }
    }
  }

  void explain(const Call& call, int value, const std::vector<Phase>& made) {
    const PlannedValue& read = s_.values[static_cast<size_t>(value)];
    Buffer& buffer = s_.buffers[read.buffer.at()];
    if (read.buffer.index < persistent_ || made[read.buffer.at()] != Phase::forward) return;
    if (read.kind != ValueKind::activation && read.kind != ValueKind::aux) return;
    buffer.cls = MemoryClass::saved;
    const std::string_view reader = call.purpose.empty() ? call.kernel : call.purpose;
    const std::string sentence = fmt::format("{} of {}", reader, graph_[call.layer].name);
    // "A reads it", then "A and B read it".
    constexpr std::string_view kOne = " reads it", kMany = " read it";
    if (buffer.why.empty()) {
      buffer.why = sentence + std::string(kOne);
    } else if (buffer.why.find(sentence) == std::string::npos && buffer.why.size() < 200) {
      const std::string_view end = buffer.why.ends_with(kOne) ? kOne : kMany;
      buffer.why.resize(buffer.why.size() - end.size());
      buffer.why += fmt::format(" and {}{}", sentence, kMany);
    }
  }

  const Graph& graph_;
  std::span<const Node> nodes_;
  const Target& target_;
  const int64_t batch_;
  Schedule& s_;
  std::string& error_;
  std::vector<int> storage_;    ///< by value id
  std::vector<int64_t> bytes_;  ///< by storage
  std::vector<int> value_of_;   ///< by value id: index into Schedule::values
  Sharing sharing_;
  int persistent_ = 0;
};

}  // namespace

std::vector<int> storages(const Graph& graph, std::span<const std::pair<ValueId, ValueId>> aliases) {
  std::vector<ValueId> alias(graph.values.size());
  for (const auto& [name, of] : aliases) alias[name.at()] = of;
  std::vector<int> storage;
  storage.reserve(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i) {
    ValueId id = graph.storage(ValueId{static_cast<int32_t>(i)});
    while (alias[id.at()].valid()) id = graph.storage(alias[id.at()]);
    storage.push_back(id.index);
  }
  return storage;
}

std::string slice_fault(const Graph& graph, const Node& node, std::span<const int> storage, int64_t batch) {
  const int count = node.slice.count;
  if (count == 1) return {};
  if (batch % count != 0) return fmt::format("a batch of {} cannot be cut into {} equal slices", batch, count);
  for (const auto* operands : {&node.outputs, &node.inputs}) {
    for (ValueId id : *operands) {
      if (!id.valid()) continue;
      const Value& value = graph.values[static_cast<size_t>(storage[id.at()])];
      if (!value.type.batched || value.slices > 1) continue;
      const Size bits = elements(value.type.shape) * Size(batch / count) * Size(dtype_bits(value.type.dtype));
      if (bits.value() % (8 * kSliceAlignment) != 0)
        return fmt::format("slices of {} samples of {} do not begin at multiples of {} bytes", batch / count, value.name, kSliceAlignment);
    }
  }
  return {};
}

bool lives_always(ValueKind kind, bool training) {
  switch (kind) {
    case ValueKind::parameter:
    case ValueKind::state:
    case ValueKind::input:
    case ValueKind::label:
    case ValueKind::metrics: return true;
    case ValueKind::optimizer: return training;
    default: return false;
  }
}

Size always_bytes(const Value& value, const Target& target, int64_t batch) {
  const int slots = value.kind == ValueKind::input || value.kind == ValueKind::label ? target.input_slots : 1;
  return round_up(type_bytes(value.type, batch), kAlignment) * Size(slots);
}

int64_t workspace_bytes(const Node& node, const Target& target, int64_t batch) {
  const int64_t least = std::max(target.workspace(node.kernel, node.desc, batch / node.slice.count), target.workspace_floor);
  return round_up(Size(least), kAlignment).value();
}

Persistent persistent_buffers(const Graph& graph, const Target& target, int64_t batch, bool training) {
  Persistent made;
  made.value_of.assign(graph.values.size(), -1);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!lives_always(value.kind, training)) continue;
    Buffer buffer;
    buffer.name = value.name;
    buffer.type = value.type;
    buffer.cls = persistent_class(value.kind);
    const Size bytes = always_bytes(value, target, batch);
    buffer.bytes = bytes.value();
    buffer.offset = made.bytes.value();
    buffer.layer = value.layer;
    if (value.layer.valid()) buffer.where = graph[value.layer].where;
    buffer.why = why_always(graph, value);
    made.bytes = made.bytes + bytes;
    made.value_of[i] = static_cast<int>(made.values.size());
    made.values.push_back({value.name, value.type, value.kind, BufferId{static_cast<int32_t>(made.buffers.size())}, value.layer, -1,
                           ValueId{static_cast<int32_t>(i)}});
    made.buffers.push_back(std::move(buffer));
  }
  return made;
}

bool lay_out(const Graph& graph, std::span<const Node> nodes, std::span<const std::pair<ValueId, ValueId>> aliases, const Target& target,
             int64_t batch, const Persistent& persistent, Schedule& schedule, std::string& error) {
  return Layout(graph, nodes, target, batch, schedule, error).run(aliases, persistent);
}

}  // namespace netc
