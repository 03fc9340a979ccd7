#include "plan/make_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "plan/bound.h"
#include "plan/lifetimes.h"
#include "plan/pack.h"

namespace netc {

namespace {

/// Gives every buffer that is not persistent an offset above the persistent ones.
bool place(Schedule& schedule, int persistent, int64_t base, std::string& error) {
  std::vector<Interval> intervals;
  Size sum = base;
  for (size_t i = static_cast<size_t>(persistent); i < schedule.buffers.size(); ++i) {
    const Buffer& buffer = schedule.buffers[i];
    intervals.push_back({buffer.first, buffer.last, buffer.bytes});
    sum = sum + Size(buffer.bytes);
  }
  if (!sum.ok()) {
    error = "the sum of all buffers does not fit in 63 bits";
    return false;
  }
  const int positions = static_cast<int>(schedule.calls.size()) + 1;
  const Packing packing = pack(intervals, positions);
  const LivenessBound bound = liveness_bound(intervals, positions);
  for (size_t i = 0; i < intervals.size(); ++i) schedule.buffers[i + static_cast<size_t>(persistent)].offset = base + packing.offsets[i];
  for (int i = 0; i < persistent; ++i) schedule.buffers[static_cast<size_t>(i)].last = positions - 1;
  schedule.end = base + packing.end;
  schedule.lower_bound = base + bound.bytes;
  schedule.peak = bound.position;
  schedule.packing_optimal = schedule.end == schedule.lower_bound;
  return true;
}

/// The free stretches of the arena at one moment.
class Gaps {
 public:
  explicit Gaps(int64_t begin, int64_t end) { insert(begin, end); }

  void occupy(int64_t begin, int64_t end) {
    auto gap = std::prev(by_begin_.upper_bound(begin));
    const auto [gap_begin, gap_end] = *gap;
    erase(gap_begin, gap_end);
    insert(gap_begin, begin);
    insert(end, gap_end);
  }

  void release(int64_t begin, int64_t end) {
    const auto after = by_begin_.find(end);
    if (after != by_begin_.end()) {
      const int64_t merged = after->second;
      erase(end, merged);
      end = merged;
    }
    auto before = by_begin_.lower_bound(begin);
    if (before != by_begin_.begin() && (--before)->second == begin) {
      const int64_t first = before->first;
      erase(first, begin);
      begin = first;
    }
    insert(begin, end);
  }

  /// {begin, bytes} of the largest gap, the lowest of equals.
  std::pair<int64_t, int64_t> largest() const {
    if (by_size_.empty()) return {0, 0};
    const auto [size, begin] = *by_size_.begin();
    return {begin, -size};
  }

 private:
  void insert(int64_t begin, int64_t end) {
    if (begin >= end) return;
    by_begin_.emplace(begin, end);
    by_size_.emplace(begin - end, begin);
  }
  void erase(int64_t begin, int64_t end) {
    by_begin_.erase(begin);
    by_size_.erase({begin - end, begin});
  }

  std::map<int64_t, int64_t> by_begin_;
  std::set<std::pair<int64_t, int64_t>> by_size_;  ///< {-size, begin}: the largest first
};

/// Each call that takes scratch gets the largest stretch of the arena that is free while it runs (memory.md rule 5). Its own
/// minimum is part of such a stretch, so the stretch is never smaller.
void grant_slack(Schedule& schedule, int persistent, int64_t base, int64_t arena) {
  std::vector<std::vector<const Buffer*>> starts(schedule.calls.size() + 1), stops(schedule.calls.size() + 1);
  for (size_t i = static_cast<size_t>(persistent); i < schedule.buffers.size(); ++i) {
    const Buffer& buffer = schedule.buffers[i];
    if (buffer.cls == MemoryClass::workspace || buffer.bytes == 0) continue;
    starts[static_cast<size_t>(buffer.first)].push_back(&buffer);
    stops[static_cast<size_t>(buffer.last)].push_back(&buffer);
  }
  Gaps gaps(base, arena);
  for (size_t i = 0; i < schedule.calls.size(); ++i) {
    for (const Buffer* buffer : starts[i]) gaps.occupy(buffer->offset, buffer->offset + buffer->bytes);
    if (schedule.calls[i].takes_workspace)
      std::tie(schedule.calls[i].workspace_offset, schedule.calls[i].workspace_bytes) = gaps.largest();
    for (const Buffer* buffer : stops[i]) gaps.release(buffer->offset, buffer->offset + buffer->bytes);
  }
}

/// A call that runs again in the backward pass on the same samples gets as much scratch as its first run, both the lesser of what they could have: a
/// library that chooses its algorithm by that then chooses the same one, and the results are the same to the last bit.
void even_out_second_runs(Schedule& schedule) {
  std::map<std::tuple<int, int, int, int>, Call*> first;
  for (Call& call : schedule.calls) {
    if (!call.takes_workspace) continue;
    const std::tuple key{call.layer.index, call.part, call.slice.count, call.slice.index};
    if (call.phase == Phase::forward) {
      first[key] = &call;
      continue;
    }
    const auto at = first.find(key);
    if (at == first.end() || at->second->kernel != call.kernel) continue;
    const int64_t bytes = std::min(call.workspace_bytes, at->second->workspace_bytes);
    call.workspace_bytes = at->second->workspace_bytes = bytes;
  }
}

void grant_minimum(Schedule& schedule) {
  for (Call& call : schedule.calls) {
    if (!call.workspace.valid()) continue;
    call.workspace_offset = schedule.buffers[call.workspace.at()].offset;
    call.workspace_bytes = call.workspace_minimum;
  }
}

/// fixed + per_image * batch at the schedule's peak; rounding up to kAlignment counts as fixed.
void closed_form(const Schedule& schedule, Plan& plan) {
  for (const Buffer& buffer : schedule.buffers) {
    if (buffer.first > schedule.peak || buffer.last < schedule.peak) continue;
    const bool slots = buffer.cls == MemoryClass::input;
    const int64_t exact = type_bytes(buffer.type, 1).value() * (slots ? plan.input_slots : 1) / buffer.slices;
    if (buffer.type.batched) {
      plan.per_image += exact;
      plan.fixed += buffer.bytes - exact * plan.batch;
    } else {
      plan.fixed += buffer.bytes;
    }
  }
}

}  // namespace

std::optional<Plan> make_plan(const Graph& graph, const Target& target, int64_t batch, std::string& error) {
  Plan plan;
  plan.target = target.name;
  plan.batch = batch;
  plan.input_slots = target.input_slots;
  const bool training = !graph.nodes.empty();
  const Persistent persistent = persistent_buffers(graph, target, batch, training);
  if (!persistent.bytes.ok()) {
    error = "parameters and input do not fit in 63 bits";
    return std::nullopt;
  }
  plan.persistent = static_cast<int>(persistent.buffers.size());
  const int64_t base = persistent.bytes.value();
  if (training && (!lay_out(graph, graph.nodes, {}, target, batch, persistent, plan.train, error) || !place(plan.train, plan.persistent, base, error)))
    return std::nullopt;
  if (!lay_out(graph, graph.evaluation, graph.evaluation_aliases, target, batch, persistent, plan.evaluate, error) ||
      !place(plan.evaluate, plan.persistent, base, error))
    return std::nullopt;

  const Schedule& main = training ? plan.train : plan.evaluate;
  plan.arena = std::max(plan.train.end, plan.evaluate.end);
  plan.lower_bound = std::max(plan.train.lower_bound, plan.evaluate.lower_bound);
  for (const Buffer& buffer : main.buffers) plan.sum_of_buffers += buffer.bytes;
  closed_form(main, plan);
  for (Schedule* schedule : {&plan.train, &plan.evaluate}) {
    if (target.grant_slack) {
      grant_slack(*schedule, plan.persistent, base, plan.arena);
      even_out_second_runs(*schedule);
    } else
      grant_minimum(*schedule);
  }
  return plan;
}

}  // namespace netc
