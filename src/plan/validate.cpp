#include "plan/validate.h"

#include <algorithm>

#include "plan/validate_internal.h"

namespace netc {

namespace {

using validation::Complaints;
using validation::Subject;

/// Indices in range; without that nothing else can be looked at.
bool check_indices(const Subject& subject) {
  const Schedule& schedule = subject.schedule;
  const size_t before = subject.complaints.list.size();
  const int values = static_cast<int>(schedule.values.size()), buffers = static_cast<int>(schedule.buffers.size());
  Complaints& complaints = subject.complaints;
  if (subject.plan.persistent < 0 || subject.plan.persistent > buffers)
    complaints.add("{}: has fewer than {} buffers", subject.name, subject.plan.persistent);
  for (int v = 0; v < values; ++v) {
    const PlannedValue& value = schedule.values[static_cast<size_t>(v)];
    if (value.buffer.index < -1 || value.buffer.index >= buffers) complaints.add("{}: '{}' is in no buffer of the plan", subject.name, value.name);
    if (value.same_as < -1 || value.same_as >= v) {
      complaints.add("{}: '{}' names the bytes of no earlier value", subject.name, value.name);
    } else if (value.same_as >= 0 && schedule.values[static_cast<size_t>(value.same_as)].buffer != value.buffer) {
      complaints.add("{}: '{}' is not in the buffer of the value it names", subject.name, value.name);
    }
  }
  for (int t = 0; t < subject.calls(); ++t) {
    const Call& call = schedule.calls[static_cast<size_t>(t)];
    const auto bad = [&](int v) { return v < -1 || v >= values || (v >= 0 && !schedule.values[static_cast<size_t>(v)].buffer.valid()); };
    if (std::any_of(call.outputs.begin(), call.outputs.end(), bad) || std::any_of(call.inputs.begin(), call.inputs.end(), bad)) {
      complaints.add("{}: an operand has no buffer", subject.call_name(t));
    }
    if (call.workspace.index < -1 || call.workspace.index >= buffers) complaints.add("{}: its workspace is no buffer", subject.call_name(t));
    const int layers = static_cast<int>(subject.graph.layers.size());
    if (call.layer.index < -1 || call.layer.index >= layers) complaints.add("{}: of no layer", subject.call_name(t));
  }
  return complaints.list.size() == before;
}

/// Alignment, place and size of each buffer and value; false when the sweep over them makes no sense.
bool check_buffers(const Subject& subject) {
  const Plan& plan = subject.plan;
  const size_t before = subject.complaints.list.size();
  for (size_t b = 0; b < subject.schedule.buffers.size(); ++b) {
    const Buffer& buffer = subject.schedule.buffers[b];
    if (buffer.offset < 0 || buffer.bytes < 0 || buffer.bytes > plan.arena || buffer.offset > plan.arena - buffer.bytes) {
      subject.complaints.add("{}: '{}' at {} of {} bytes is not inside the arena of {}", subject.name, buffer.name, buffer.offset, buffer.bytes,
                             plan.arena);
    }
    if (buffer.offset % kAlignment != 0) subject.complaints.add("{}: '{}' at {} is not aligned", subject.name, buffer.name, buffer.offset);
    if (buffer.first < 0 || buffer.last < buffer.first || buffer.last >= subject.positions()) {
      subject.complaints.add("{}: '{}' lives from call {} to {} of {}", subject.name, buffer.name, buffer.first, buffer.last, subject.calls());
    }
    if (validation::loaded_before_step(buffer.cls) && !subject.persistent(b))
      subject.complaints.add("{}: '{}' must be persistent", subject.name, buffer.name);
    const Size size = round_up(type_bytes(buffer.type, plan.batch / buffer.slices), kAlignment);
    const bool slots = buffer.cls == MemoryClass::input && buffer.bytes == size.value() * plan.input_slots;
    const bool scratch = buffer.cls == MemoryClass::workspace && buffer.bytes % kAlignment == 0;
    const bool fits = buffer.bytes == size.value() || slots || scratch;
    if (!size.ok() || !fits) subject.complaints.add("{}: '{}' has {} bytes, not {}", subject.name, buffer.name, buffer.bytes, size.value());
  }
  for (const PlannedValue& value : subject.schedule.values) {
    if (!value.buffer.valid()) continue;
    const Size size = type_bytes(value.type, plan.batch / value.slices);
    if (!size.ok() || size.value() > subject.schedule.buffers[value.buffer.at()].bytes) {
      subject.complaints.add("{}: '{}' needs {} bytes, more than its buffer has", subject.name, value.name, size.value());
    }
  }
  return subject.complaints.list.size() == before;
}

void check_persistent(const Plan& plan, Complaints& complaints) {
  for (size_t b = 0; b < static_cast<size_t>(plan.persistent); ++b) {
    const Buffer &x = plan.train.buffers[b], &y = plan.evaluate.buffers[b];
    if (x.name != y.name || x.cls != y.cls || x.bytes != y.bytes || x.offset != y.offset) {
      complaints.add("persistent buffer {} is '{}' at {} in training but '{}' at {} in evaluation", b, x.name, x.offset, y.name, y.offset);
    }
  }
}

void check_totals(const Plan& plan, Complaints& complaints) {
  const Schedule& main = plan.train.calls.empty() ? plan.evaluate : plan.train;
  const int64_t end = std::max(plan.train.end, plan.evaluate.end);
  const int64_t bound = std::max(plan.train.lower_bound, plan.evaluate.lower_bound);
  Size sum = 0;
  for (const Buffer& buffer : main.buffers) sum = sum + Size(buffer.bytes);
  if (plan.arena != end) complaints.add("the arena has {} bytes but the buffers end at {}", plan.arena, end);
  if (plan.lower_bound != bound) complaints.add("the lower bound is {}, not {}", bound, plan.lower_bound);
  if (!sum.ok() || plan.sum_of_buffers != sum.value()) complaints.add("the buffers sum to {}, not {}", sum.value(), plan.sum_of_buffers);
  // Alignment adds less than kAlignment a buffer; a sample's bits are rounded up or down to bytes.
  const __int128 closed = plan.fixed + static_cast<__int128>(plan.per_image) * plan.batch;
  const int64_t slack = static_cast<int64_t>(main.buffers.size()) * (kAlignment + plan.batch);
  if (closed > main.lower_bound || closed < main.lower_bound - slack) {
    complaints.add("{} + {} x {} does not give the lower bound {}", plan.fixed, plan.per_image, plan.batch, main.lower_bound);
  }
}

}  // namespace

std::vector<std::string> validate(const Plan& plan, const Graph& graph) {
  Complaints complaints;
  bool both = true;
  for (const auto& [schedule, name] : {std::pair{&plan.train, "train"}, std::pair{&plan.evaluate, "evaluate"}}) {
    if (schedule->calls.empty() && schedule->buffers.empty()) {
      both = false;
      continue;
    }
    const Subject subject{plan, graph, *schedule, name, complaints};
    if (!check_indices(subject) || !validation::check_slices(subject) || !check_buffers(subject)) return complaints.list;
    validation::check_space(subject);
    validation::check_flow(subject);
  }
  if (both) check_persistent(plan, complaints);
  check_totals(plan, complaints);
  return complaints.list;
}

}  // namespace netc
