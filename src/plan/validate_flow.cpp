// What calls read and write: lifetimes cover every touch, every read sees the value it names.
#include <algorithm>

#include "plan/validate_internal.h"

namespace netc::validation {

namespace {

bool is_persistent_kind(ValueKind kind) {
  switch (kind) {
    case ValueKind::input:
    case ValueKind::label:
    case ValueKind::parameter:
    case ValueKind::state:
    case ValueKind::optimizer:
    case ValueKind::metrics:
      return true;
    default:
      return false;
  }
}

class Flow {
 public:
  explicit Flow(const Subject& subject)
      : subject_(subject),
        root_(subject.schedule.values.size()),
        made_(root_.size()),
        written_(root_.size()),
        updated_(root_.size()),
        samples_(root_.size(), 0),
        slice_(root_.size(), -1),
        holds_(subject.schedule.buffers.size(), -1),
        touched_(holds_.size(), {subject.calls(), -1}) {
    const auto& values = subject.schedule.values;
    for (size_t v = 0; v < values.size(); ++v) {
      root_[v] = values[v].same_as >= 0 ? root_[static_cast<size_t>(values[v].same_as)] : static_cast<int>(v);
      const size_t b = values[v].buffer.valid() ? values[v].buffer.at() : 0;
      const bool loaded = values[v].buffer.valid() && subject.persistent(b) && loaded_before_step(subject.schedule.buffers[b].cls);
      if (loaded && is_persistent_kind(values[v].kind)) {
        written_[v] = true;
        samples_[static_cast<size_t>(root_[v])] = subject.plan.batch;
        if (holds_[b] < 0) holds_[b] = root_[v];
      }
    }
    for (const Call& call : subject.schedule.calls) {
      for (int v : call.outputs) {
        if (v >= 0) made_[static_cast<size_t>(v)] = true;
      }
    }
  }

  void run() {
    for (int t = 0; t < subject_.calls(); ++t) {
      const Call& call = subject_.schedule.calls[static_cast<size_t>(t)];
      for (int v : call.inputs) {
        if (v >= 0) read(t, v);
      }
      check_sharing(t, call);
      for (int v : call.outputs) {
        if (v >= 0) write(t, call, v);
      }
      if (call.workspace.valid()) touch(t, call.workspace.at());
      if (t > 0 && call.section < subject_.schedule.calls[static_cast<size_t>(t) - 1].section) {
        subject_.complaints.add("{}: its section comes before that of the call before it", subject_.call_name(t));
      }
    }
    check_lifetimes();
    if (subject_.graph.train.micro_steps > 1) check_micro_steps();
  }

 private:
  void touch(int position, size_t buffer) {
    auto& [first, last] = touched_[buffer];
    first = std::min(first, position);
    last = std::max(last, position);
  }

  void read(int position, int value) {
    const size_t v = static_cast<size_t>(value), b = subject_.schedule.values[v].buffer.at();
    touch(position, b);
    if (holds_[b] < 0 || (made_[v] && !written_[v])) {
      subject_.complaints.add("{}: reads '{}' before anything wrote it", subject_.call_name(position), subject_.value_name(value));
    } else if (holds_[b] != root_[v]) {
      subject_.complaints.add("{}: reads '{}' but '{}' was written over it", subject_.call_name(position), subject_.value_name(value),
                              subject_.value_name(holds_[b]));
    } else {
      read_samples(position, value);
    }
    if (updated_[static_cast<size_t>(root_[v])]) {
      subject_.complaints.add("{}: reads parameter '{}' after its update", subject_.call_name(position), subject_.value_name(value));
    }
  }

  void write(int position, const Call& call, int value) {
    const size_t v = static_cast<size_t>(value), b = subject_.schedule.values[v].buffer.at();
    const MemoryClass cls = subject_.schedule.buffers[b].cls;
    touch(position, b);
    const bool keeps = subject_.persistent(b) && loaded_before_step(cls) && cls != MemoryClass::input;
    if (keeps && holds_[b] != root_[v]) {
      subject_.complaints.add("{}: writes '{}' over '{}', which must outlive the step", subject_.call_name(position), subject_.value_name(value),
                              subject_.schedule.buffers[b].name);
    }
    write_samples(position, value);
    holds_[b] = root_[v];
    written_[v] = true;
    if (subject_.schedule.values[v].kind == ValueKind::parameter) update(position, call, value);
  }

  /// What a call reads of a tensor of the batch has been written: all samples, or those of its slice.
  void read_samples(int position, int value) {
    const size_t root = static_cast<size_t>(root_[static_cast<size_t>(value)]);
    const PlannedValue& read = subject_.schedule.values[root];
    const Slice& slice = subject_.schedule.calls[static_cast<size_t>(position)].slice;
    if (!read.type.batched) return;
    if (read.slices > 1) {
      if (slice_[root] != slice.index) {
        subject_.complaints.add("{}: runs on slice {} but reads '{}', which holds slice {}", subject_.call_name(position), slice.index,
                                subject_.value_name(value), slice_[root]);
      }
      return;
    }
    const int64_t end = subject_.plan.batch / slice.count * (slice.index + 1);
    if (samples_[root] < end) {
      subject_.complaints.add("{}: reads {} samples of '{}', of which {} are written", subject_.call_name(position), end, subject_.value_name(value),
                              samples_[root]);
    }
  }

  /// The slices of a tensor that holds the whole batch are written from the first to the last, and nothing is written over them meanwhile.
  void write_samples(int position, int value) {
    const size_t root = static_cast<size_t>(root_[static_cast<size_t>(value)]);
    const Slice& slice = subject_.schedule.calls[static_cast<size_t>(position)].slice;
    const PlannedValue& written = subject_.schedule.values[root];
    slice_[root] = slice.index;
    const int64_t begin = written.type.batched && written.slices == 1 ? subject_.plan.batch / slice.count * slice.index : 0;
    const bool held = holds_[written.buffer.at()] == static_cast<int>(root);
    if (begin > 0 && (samples_[root] != begin || !held)) {
      subject_.complaints.add("{}: writes '{}' from sample {} on, but {} are there", subject_.call_name(position), subject_.value_name(value), begin,
                              held ? samples_[root] : 0);
    }
    samples_[root] = begin + subject_.plan.batch / (written.type.batched && written.slices == 1 ? slice.count : 1);
  }

  void update(int position, const Call& call, int value) {
    const size_t root = static_cast<size_t>(root_[static_cast<size_t>(value)]);
    const bool training = &subject_.schedule == &subject_.plan.train;
    if (!training || call.phase != Phase::update) {
      subject_.complaints.add("{}: writes parameter '{}' but is no update", subject_.call_name(position), subject_.value_name(value));
    }
    if (updated_[root]) subject_.complaints.add("{}: updates '{}' a second time", subject_.call_name(position), subject_.value_name(value));
    if (call.section == Section::micro && subject_.graph.train.micro_steps > 1) {
      subject_.complaints.add("{}: updates '{}' in each micro-step", subject_.call_name(position), subject_.value_name(value));
    }
    updated_[root] = true;
  }

  /// No two outputs in one buffer; an output in the buffer of an input of another value only where the node may work in place.
  void check_sharing(int position, const Call& call) {
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      if (call.outputs[i] < 0) continue;
      const BufferId buffer = buffer_of(call.outputs[i]);
      for (size_t j = 0; j < i; ++j) {
        if (call.outputs[j] >= 0 && buffer_of(call.outputs[j]) == buffer) {
          subject_.complaints.add("{}: writes '{}' and '{}' to the same bytes", subject_.call_name(position), subject_.value_name(call.outputs[j]),
                                  subject_.value_name(call.outputs[i]));
        }
      }
      for (int in : call.inputs) {
        if (in < 0 || buffer_of(in) != buffer || root(in) == root(call.outputs[i]) || (i == 0 && may_work_in_place(call))) continue;
        subject_.complaints.add("{}: writes '{}' over its input '{}', which it may not do in place", subject_.call_name(position),
                                subject_.value_name(call.outputs[i]), subject_.value_name(in));
      }
    }
  }

  bool may_work_in_place(const Call& call) {
    const bool training = &subject_.schedule == &subject_.plan.train;
    const std::vector<Node>& nodes = training ? subject_.graph.nodes : subject_.graph.evaluation;
    if (nodes_of_.empty()) {
      nodes_of_.resize(subject_.graph.layers.size() + 1);
      for (size_t n = 0; n < nodes.size(); ++n) nodes_of_[slot(nodes[n].layer)].push_back(static_cast<int>(n));
    }
    for (int n : nodes_of_[slot(call.layer)]) {
      const Node& node = nodes[static_cast<size_t>(n)];
      if (node.kernel == call.kernel && node.phase == call.phase && (node.in_place || node.continues.valid())) return true;
    }
    return false;
  }

  void check_lifetimes() {
    for (size_t b = 0; b < touched_.size(); ++b) {
      const Buffer& buffer = subject_.schedule.buffers[b];
      const auto [first, last] = touched_[b];
      if (last < 0 && !subject_.persistent(b)) subject_.complaints.add("{}: no call touches '{}'", subject_.name, buffer.name);
      if (last < 0) continue;
      if (first < buffer.first || last > buffer.last) {
        subject_.complaints.add("{}: '{}' is touched from call {} to {} but live only from {} to {}", subject_.name, buffer.name, first, last,
                                buffer.first, buffer.last);
      }
    }
  }

  /// The micro section runs several times: what goes into it or comes out of it must be live throughout.
  void check_micro_steps() {
    const auto& calls = subject_.schedule.calls;
    const auto in_micro = [](const Call& call) { return call.section == Section::micro; };
    const auto begin = std::find_if(calls.begin(), calls.end(), in_micro);
    const auto end = std::find_if_not(begin, calls.end(), in_micro);
    const int first = static_cast<int>(begin - calls.begin()), last = static_cast<int>(end - calls.begin()) - 1;
    for (size_t b = static_cast<size_t>(subject_.plan.persistent); b < touched_.size(); ++b) {
      const Buffer& buffer = subject_.schedule.buffers[b];
      const auto [from, to] = touched_[b];
      const bool outside = from < first || to > last, inside = from <= last && to >= first;
      if (outside && inside && (buffer.first > first || buffer.last < last)) {
        subject_.complaints.add("{}: '{}' carries a sum over the micro-steps but is not live throughout them", subject_.name, buffer.name);
      }
    }
  }

  size_t slot(LayerId layer) const { return static_cast<size_t>(layer.index + 1); }
  BufferId buffer_of(int value) const { return subject_.schedule.values[static_cast<size_t>(value)].buffer; }
  int root(int value) const { return root_[static_cast<size_t>(value)]; }

  const Subject& subject_;
  std::vector<int> root_;                       ///< by value: the value whose bytes it names
  std::vector<bool> made_, written_, updated_;  ///< by value: some call writes it; one has; by root: a parameter's update has run
  std::vector<int64_t> samples_;                ///< by root: of a tensor that holds the whole batch, the first samples that are written
  std::vector<int> slice_;                      ///< by root: of a tensor that holds a slice, which
  std::vector<int> holds_;                      ///< by buffer: root of the value last written to it, -1 if none
  std::vector<std::pair<int, int>> touched_;    ///< by buffer: first and last call that touches it
  std::vector<std::vector<int>> nodes_of_;      ///< by layer + 1: its nodes
};

}  // namespace

void check_flow(const Subject& subject) { Flow(subject).run(); }

}  // namespace netc::validation
