#include "plan/lifetimes.h"

#include <fmt/format.h>

#include <limits>

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
      : graph_(graph), nodes_(nodes), target_(target), batch_(batch), s_(schedule), error_(error), alias_(graph.values.size()),
        last_read_(graph.values.size(), -1), value_of_(graph.values.size(), -1) {}

  bool run(std::span<const std::pair<ValueId, ValueId>> aliases, const Persistent& persistent) {
    s_.calls.reserve(nodes_.size());
    for (const auto& [name, of] : aliases) alias_[name.at()] = of;
    s_.values.reserve(graph_.values.size());
    s_.buffers.reserve(graph_.values.size() + nodes_.size());
    s_.buffers = persistent.buffers;
    s_.values = persistent.values;
    persistent_ = static_cast<int>(persistent.buffers.size());
    for (size_t i = 0; i < persistent.value_of.size(); ++i) value_of_[i] = persistent.value_of[i];
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (ValueId input : nodes_[i].inputs)
        if (input.valid()) last_read_[storage(input).at()] = static_cast<int>(i);
    // The end of a network without a loss is read by whoever runs it.
    if (graph_.output.valid() && !graph_.loss.valid()) last_read_[storage(graph_.output).at()] = static_cast<int>(nodes_.size());
    for (size_t i = 0; i < nodes_.size(); ++i)
      if (!add_call(nodes_[i], static_cast<int>(i))) return false;
    classify();
    return true;
  }

 private:
  ValueId storage(ValueId id) const {
    for (;;) {
      id = graph_.storage(id);
      if (!alias_[id.at()].valid()) return id;
      id = alias_[id.at()];
    }
  }

  Buffer& buffer_of(int value) { return s_.buffers[s_.values[static_cast<size_t>(value)].buffer.at()]; }

  bool add_call(const Node& node, int position) {
    Call call;
    call.kernel = node.kernel;
    call.phase = node.phase;
    call.section = node.section;
    call.layer = node.layer;
    call.purpose = node.purpose;
    if (!set_constants(node, call)) return false;
    for (ValueId input : node.inputs) call.inputs.push_back(input.valid() ? read(input, position) : -1);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const int value = node.outputs[i].valid() ? write(node, i, position) : -1;
      if (node.outputs[i].valid() && value < 0) return false;
      call.outputs.push_back(value);
    }
    call.takes_workspace = node.workspace;
    if (node.workspace) add_workspace(call, position);
    s_.calls.push_back(std::move(call));
    return true;
  }

  /// Every constant but a `count` must fit in 32 bits, the per-sample ones times the batch.
  bool set_constants(const Node& node, Call& call) {
    call.desc = node.desc;
    for (const Field& field : call.desc.fields) {
      if (field.kind != Field::Kind::integer) continue;
      const Size value = Size(field.integer < 0 ? 0 : field.integer) * Size(field.per_sample ? batch_ : 1);
      const bool fits = value.ok() && (field.name == "count" || value.value() <= std::numeric_limits<int32_t>::max());
      if (!fits) {
        error_ = fmt::format("`{}` of {} does not fit: {} a sample times a batch of {}", field.name, graph_[node.layer].name, field.integer, batch_);
        return false;
      }
    }
    return true;
  }

  /// The planned value for a name that is read; made on demand for views.
  int read(ValueId id, int position) {
    const int value = named(id);
    NETC_CHECK(value >= 0, "a kernel reads a value that nothing wrote");
    touch(value, position);
    return value;
  }

  void touch(int value, int position) {
    Buffer& buffer = buffer_of(value);
    if (s_.values[static_cast<size_t>(value)].buffer.index >= persistent_) buffer.last = std::max(buffer.last, position);
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
    s_.values.push_back({value.name, value.type, value.kind, buffer, value.layer, same_as, id});
    return value_of_[id.at()] = static_cast<int>(s_.values.size()) - 1;
  }

  int write(const Node& node, size_t which, int position) {
    const ValueId id = node.outputs[which];
    int value = named(id);
    if (value < 0) {
      const ValueId stored = storage(id);
      BufferId buffer = which == 0 ? shared_buffer(node, position) : BufferId{};
      if (!buffer.valid()) buffer = new_buffer(stored, position);
      if (!buffer.valid()) return -1;
      value = add_value(stored, buffer, -1);
      if (stored != id) value = named(id);
    }
    touch(value, position);
    return value;
  }

  /// The buffer outputs[0] takes over, if any: of the value it continues, or of an input that nobody reads after this node.
  BufferId shared_buffer(const Node& node, int position) {
    if (node.continues.valid()) return s_.values[static_cast<size_t>(named(node.continues))].buffer;
    if (!node.in_place) return {};
    const int64_t bytes = type_bytes(graph_[storage(node.outputs[0])].type, batch_).value();
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      if (!input.valid() || (node.in_place_input >= 0 && static_cast<size_t>(node.in_place_input) != i)) continue;
      const ValueId stored = storage(input);
      if (last_read_[stored.at()] > position) continue;
      const int value = value_of_[stored.at()];
      const BufferId buffer = s_.values[static_cast<size_t>(value)].buffer;
      if (buffer.index < persistent_ || type_bytes(graph_[stored].type, batch_).value() != bytes) continue;
      if (read_twice(node, i, buffer)) continue;
      return buffer;
    }
    return {};
  }

  /// A buffer that the node also reads as another argument may be overwritten only where both are read element by element:
  /// sums may, nothing else is asked to.
  bool read_twice(const Node& node, size_t which, BufferId buffer) const {
    if (node.in_place_input < 0) return false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (i == which || !node.inputs[i].valid()) continue;
      const int value = value_of_[storage(node.inputs[i]).at()];
      if (value >= 0 && s_.values[static_cast<size_t>(value)].buffer == buffer) return true;
    }
    return false;
  }

  BufferId new_buffer(ValueId id, int position) {
    const Value& value = graph_[id];
    const Size bytes = round_up(type_bytes(value.type, batch_), kAlignment);
    if (!bytes.ok()) {
      error_ = fmt::format("{} ({} a sample) does not fit in 63 bits at a batch of {}", value.name, shape_text(value.type.shape), batch_);
      return {};
    }
    Buffer buffer;
    buffer.name = value.name;
    buffer.type = value.type;
    buffer.cls = value.kind == ValueKind::gradient ? MemoryClass::gradients : MemoryClass::transient;
    buffer.bytes = bytes.value();
    buffer.first = buffer.last = position;
    buffer.layer = value.layer;
    if (value.layer.valid()) buffer.where = graph_[value.layer].where;
    s_.buffers.push_back(std::move(buffer));
    return BufferId{static_cast<int32_t>(s_.buffers.size()) - 1};
  }

  void add_workspace(Call& call, int position) {
    const int64_t least = std::max(target_.workspace(call.kernel, call.desc, batch_), target_.workspace_floor);
    call.workspace_minimum = round_up(Size(least), kAlignment).value();
    if (call.workspace_minimum == 0) return;
    Buffer buffer;
    buffer.name = fmt::format("{}.{}.workspace", graph_[call.layer].name, call.kernel);
    buffer.type = {DType::u8, {call.workspace_minimum}, false};
    buffer.cls = MemoryClass::workspace;
    buffer.bytes = call.workspace_minimum;
    buffer.first = buffer.last = position;
    buffer.layer = call.layer;
    buffer.where = graph_[call.layer].where;
    buffer.why = fmt::format("scratch of {}", call.kernel);
    s_.buffers.push_back(std::move(buffer));
    call.workspace = BufferId{static_cast<int32_t>(s_.buffers.size()) - 1};
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
  std::vector<ValueId> alias_;
  std::vector<int> last_read_;  ///< by storage: the last position that reads it
  std::vector<int> value_of_;   ///< by value id: index into Schedule::values
  int persistent_ = 0;
};

}  // namespace

Persistent persistent_buffers(const Graph& graph, const Target& target, int64_t batch, bool training) {
  Persistent made;
  made.value_of.assign(graph.values.size(), -1);
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    if (!lives_always(value.kind, training)) continue;
    const int slots = value.kind == ValueKind::input || value.kind == ValueKind::label ? target.input_slots : 1;
    Buffer buffer;
    buffer.name = value.name;
    buffer.type = value.type;
    buffer.cls = persistent_class(value.kind);
    const Size bytes = round_up(type_bytes(value.type, batch), kAlignment) * Size(slots);
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
