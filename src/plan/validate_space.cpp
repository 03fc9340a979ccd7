// Where buffers lie and when: a sweep over time with the live buffers ordered by offset.
#include <algorithm>
#include <memory_resource>
#include <set>

#include "plan/validate_internal.h"

namespace netc::validation {

namespace {

/// Buffers by the position at which something happens to them: those of position t are ids[start[t]] to ids[start[t + 1]].
struct ByPosition {
  std::vector<int> start, ids;

  template <class Position>
  ByPosition(size_t buffers, int positions, Position position) : start(static_cast<size_t>(positions) + 2, 0), ids(buffers) {
    for (size_t i = 0; i < buffers; ++i) ++start[static_cast<size_t>(position(i)) + 1];
    for (size_t t = 1; t < start.size(); ++t) start[t] += start[t - 1];
    std::vector<int> next(start.begin(), start.end() - 1);
    for (size_t i = 0; i < buffers; ++i) ids[static_cast<size_t>(next[static_cast<size_t>(position(i))]++)] = static_cast<int>(i);
  }
};

/// Whether the persistent buffers lie one after the other below everything else: then they overlap nothing, and only the others need a sweep.
bool persistent_apart(const Subject& subject) {
  int64_t end = 0;
  for (size_t i = 0; i < subject.schedule.buffers.size(); ++i) {
    const Buffer& buffer = subject.schedule.buffers[i];
    if (buffer.bytes > 0 && buffer.offset < end) return false;
    if (subject.persistent(i)) end = buffer.offset + buffer.bytes;
  }
  return std::ranges::none_of(subject.schedule.calls, [&](const Call& call) { return call.workspace_bytes > 0 && call.workspace_offset < end; });
}

class Sweep {
 public:
  explicit Sweep(const Subject& subject) : subject_(subject), skipped_(persistent_apart(subject) ? subject.plan.persistent : 0), live_(&pool_) {}

  void insert(int id) {
    const Buffer& buffer = subject_.schedule.buffers[static_cast<size_t>(id)];
    if (id < skipped_ || buffer.bytes == 0) return;
    const auto [at, _] = live_.insert({buffer.offset, id});
    if (at != live_.begin()) check_pair(std::prev(at)->second, id);
    if (std::next(at) != live_.end()) check_pair(id, std::next(at)->second);
  }

  void remove(int id) {
    if (id >= skipped_) live_.erase({subject_.schedule.buffers[static_cast<size_t>(id)].offset, id});
  }

  /// The region granted to the call at `position` touches nothing that is live but the buffer of the call's own minimum.
  void check_workspace(int position) {
    const Call& call = subject_.schedule.calls[static_cast<size_t>(position)];
    const int64_t begin = call.workspace_offset, end = begin + call.workspace_bytes;
    if (call.workspace_bytes == 0) return;
    auto at = live_.lower_bound({begin, -1});
    if (at != live_.begin() && end_of(std::prev(at)->second) > begin) --at;
    for (; at != live_.end() && at->first < end; ++at) {
      if (call.workspace.index == at->second) continue;
      subject_.complaints.add("{}: its workspace [{}, {}) overlaps '{}'", subject_.call_name(position), begin, end, name(at->second));
    }
  }

 private:
  int64_t end_of(int id) const {
    const Buffer& buffer = subject_.schedule.buffers[static_cast<size_t>(id)];
    return buffer.offset + buffer.bytes;
  }
  const std::string& name(int id) const { return subject_.schedule.buffers[static_cast<size_t>(id)].name; }

  void check_pair(int lower, int upper) {
    if (end_of(lower) <= subject_.schedule.buffers[static_cast<size_t>(upper)].offset) return;
    subject_.complaints.add("{}: '{}' and '{}' are live at once and share bytes", subject_.name, name(lower), name(upper));
  }

  const Subject& subject_;
  const int skipped_;  ///< buffers before this one are not looked at
  std::pmr::unsynchronized_pool_resource pool_;
  std::pmr::set<std::pair<int64_t, int>> live_;
};

int first_of(const Subject& s, size_t id) { return s.persistent(id) ? 0 : s.schedule.buffers[id].first; }
int last_of(const Subject& s, size_t id) { return s.persistent(id) ? s.positions() - 1 : s.schedule.buffers[id].last; }

void check_overlap(const Subject& subject) {
  const size_t buffers = subject.schedule.buffers.size();
  const ByPosition starts(buffers, subject.positions(), [&](size_t i) { return first_of(subject, i); });
  const ByPosition ends(buffers, subject.positions(), [&](size_t i) { return last_of(subject, i); });
  Sweep sweep(subject);
  for (int t = 0; t < subject.positions(); ++t) {
    const size_t at = static_cast<size_t>(t);
    for (int i = starts.start[at]; i < starts.start[at + 1]; ++i) sweep.insert(starts.ids[static_cast<size_t>(i)]);
    if (t < subject.calls()) sweep.check_workspace(t);
    for (int i = ends.start[at]; i < ends.start[at + 1]; ++i) sweep.remove(ends.ids[static_cast<size_t>(i)]);
  }
}

/// The bound and the end the schedule states are those of its buffers.
void check_bound(const Subject& subject) {
  const Schedule& schedule = subject.schedule;
  std::vector<int64_t> change(schedule.calls.size() + 2, 0);
  int64_t end = 0;
  for (size_t i = 0; i < schedule.buffers.size(); ++i) {
    const Buffer& buffer = schedule.buffers[i];
    change[static_cast<size_t>(first_of(subject, i))] += buffer.bytes;
    change[static_cast<size_t>(last_of(subject, i)) + 1] -= buffer.bytes;
    end = std::max(end, buffer.offset + buffer.bytes);
  }
  int64_t live = 0, most = 0, at_peak = -1;
  for (int t = 0; t < subject.positions(); ++t) {
    live += change[static_cast<size_t>(t)];
    most = std::max(most, live);
    if (t == schedule.peak) at_peak = live;
  }
  Complaints& complaints = subject.complaints;
  if (schedule.lower_bound != most) complaints.add("{}: the lower bound is {}, not {}", subject.name, most, schedule.lower_bound);
  if (at_peak != most) {
    complaints.add("{}: {} bytes are live at the stated peak, call {}, but {} elsewhere", subject.name, at_peak, schedule.peak, most);
  }
  if (schedule.end != end) complaints.add("{}: the buffers end at {}, not {}", subject.name, end, schedule.end);
  if (schedule.packing_optimal != (end == most)) complaints.add("{}: packing_optimal is wrong", subject.name);
}

void check_workspace_fields(const Subject& subject) {
  for (int t = 0; t < subject.calls(); ++t) {
    const Call& call = subject.schedule.calls[static_cast<size_t>(t)];
    const int64_t offset = call.workspace_offset, bytes = call.workspace_bytes;
    if (!call.takes_workspace && (bytes != 0 || call.workspace.valid())) {
      subject.complaints.add("{}: has a workspace but takes none", subject.call_name(t));
    }
    if (bytes < call.workspace_minimum) {
      subject.complaints.add("{}: is granted {} bytes of workspace but must have {}", subject.call_name(t), bytes, call.workspace_minimum);
    }
    if (offset < 0 || bytes < 0 || offset > subject.plan.arena || bytes > subject.plan.arena - offset || (bytes > 0 && offset % kAlignment != 0)) {
      subject.complaints.add("{}: its workspace at {} of {} bytes is not an aligned part of the arena", subject.call_name(t), offset, bytes);
    }
    if (call.workspace.valid() && subject.schedule.buffers[call.workspace.at()].bytes < call.workspace_minimum) {
      subject.complaints.add("{}: the buffer of its workspace is smaller than its minimum", subject.call_name(t));
    }
  }
}

}  // namespace

void check_space(const Subject& subject) {
  check_workspace_fields(subject);
  check_bound(subject);
  check_overlap(subject);
}

}  // namespace netc::validation
