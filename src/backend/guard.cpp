#include "backend/guard.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "support/check.h"

namespace netc {

namespace {

constexpr unsigned char kPattern = 0xff;

/// What the signal handler says; written before a kernel runs, because a handler may not allocate.
struct Watched {
  uintptr_t begin = 0, end = 0;
  char message[256] = {};
} watched;

void on_fault(int, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  if (at >= watched.begin && at < watched.end) {
    const ssize_t ignored = write(STDERR_FILENO, watched.message, std::strlen(watched.message));
    (void)ignored;
    _exit(1);
  }
  signal(SIGSEGV, SIG_DFL);  // not ours: let it crash as it would have
}

int64_t page() {
  static const int64_t bytes = sysconf(_SC_PAGESIZE);
  return bytes;
}

/// Changes the access of the whole pages inside [begin, end).
void protect(unsigned char* begin, unsigned char* end, int access) {
  const auto size = static_cast<uintptr_t>(page());
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + size - 1) / size * size, last = reinterpret_cast<uintptr_t>(end) / size * size;
  if (first < last) NETC_CHECK(mprotect(reinterpret_cast<void*>(first), last - first, access) == 0, "the guard cannot protect memory");
}

}  // namespace

Guard::Guard(const Schedule& schedule, int64_t arena_bytes, int64_t batch)
    : schedule_(schedule), arena_bytes_(arena_bytes), batch_(batch), born_(schedule.calls.size() + 2), dead_(schedule.calls.size() + 2) {
  for (size_t i = 0; i < schedule.buffers.size(); ++i) {
    const Buffer& buffer = schedule.buffers[i];
    const bool always = buffer.first == 0 && static_cast<size_t>(buffer.last) >= schedule.calls.size();
    if (always) continue;
    born_[static_cast<size_t>(buffer.first)].push_back(static_cast<int>(i));
    dead_[static_cast<size_t>(buffer.last) + 1].push_back(static_cast<int>(i));
  }
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
}

std::vector<Guard::Range> Guard::allowed(size_t position) const {
  const Call& call = schedule_.calls[position];
  std::vector<Range> ranges;
  for (int value : call.outputs) {
    if (value < 0) continue;
    const PlannedValue& planned = schedule_.values[static_cast<size_t>(value)];
    const Buffer& buffer = schedule_.buffers[planned.buffer.at()];
    const bool part = call.slice.count > 1 && planned.type.batched && planned.slices == 1;
    const Stretch stretch = part ? operand_stretch(call, planned, batch_) : Stretch{0, buffer.bytes};
    ranges.push_back({buffer.offset + stretch.offset, buffer.offset + stretch.offset + stretch.bytes});
  }
  if (call.workspace_bytes > 0) ranges.push_back({call.workspace_offset, call.workspace_offset + call.workspace_bytes});
  std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.begin < b.begin; });
  return ranges;
}

void Guard::keep(Range range, const unsigned char* arena) {
  if (range.begin < range.end) kept_.push_back({range, {arena + range.begin, arena + range.end}});
}

void Guard::before(size_t position, unsigned char* arena) {
  for (const auto* list : {&dead_[position], &born_[position]})
    for (int id : *list) {
      const Buffer& buffer = schedule_.buffers[static_cast<size_t>(id)];
      // What died may lie where something younger lives by now only if that is born here, and then it has nothing to keep yet.
      std::memset(arena + buffer.offset, kPattern, static_cast<size_t>(buffer.bytes));
    }
  const std::string message = fmt::format("error: guard: {} (call {}) wrote to bytes that are not its output\n", schedule_.calls[position].kernel, position);
  std::snprintf(watched.message, sizeof(watched.message), "%s", message.c_str());
  watched.begin = reinterpret_cast<uintptr_t>(arena);
  watched.end = watched.begin + static_cast<uintptr_t>(arena_bytes_);

  kept_.clear();
  int64_t checked = 0;  // everything below is protected or kept
  const auto misaligned = static_cast<int64_t>(reinterpret_cast<uintptr_t>(arena) % static_cast<uintptr_t>(page()));
  for (const Range& range : allowed(position)) {
    // Neighbours on the range's first and last page cannot be protected, so they are compared.
    const int64_t left = std::max(checked, (range.begin + misaligned) / page() * page() - misaligned);
    const int64_t right = std::min(arena_bytes_, (range.end + misaligned + page() - 1) / page() * page() - misaligned);
    if (left > checked) protect(arena + checked, arena + left, PROT_READ);
    keep({std::max(left, int64_t{0}), range.begin}, arena);
    checked = std::max(checked, range.end);
    keep({checked, right}, arena);
    checked = std::max(checked, right);
  }
  protect(arena + checked, arena + arena_bytes_, PROT_READ);
}

std::string Guard::after(size_t position, unsigned char* arena) {
  protect(arena, arena + arena_bytes_, PROT_READ | PROT_WRITE);
  const std::vector<Range> fine = allowed(position);
  for (const Kept& kept : kept_) {
    for (int64_t at = kept.range.begin; at < kept.range.end; ++at) {
      if (arena[at] == kept.bytes[static_cast<size_t>(at - kept.range.begin)]) continue;
      const bool output = std::any_of(fine.begin(), fine.end(), [at](Range r) { return at >= r.begin && at < r.end; });
      if (!output) return fmt::format("{} (call {}) changed {}", schedule_.calls[position].kernel, position, owner(position, at));
    }
  }
  return {};
}

std::string Guard::owner(size_t position, int64_t at) const {
  const auto now = static_cast<int>(position);
  for (const Buffer& buffer : schedule_.buffers)
    if (buffer.first <= now && buffer.last >= now && at >= buffer.offset && at < buffer.offset + buffer.bytes)
      return fmt::format("{}, which is not its output", buffer.name);
  return fmt::format("free bytes at {}", at);
}

}  // namespace netc
