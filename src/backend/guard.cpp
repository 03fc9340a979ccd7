#include "backend/guard.h"

#include <fmt/format.h>

#include <cstring>

namespace netc {

namespace {
constexpr unsigned char kPattern = 0xff;
}

Guard::Guard(const Schedule& schedule, int64_t arena_bytes)
    : schedule_(schedule), arena_bytes_(arena_bytes), copy_(static_cast<size_t>(arena_bytes)) {}

void Guard::before(size_t position, unsigned char* arena) {
  std::vector<bool> live(static_cast<size_t>(arena_bytes_ / kAlignment) + 1, false);
  for (const Buffer& buffer : schedule_.buffers) {
    const auto now = static_cast<int>(position);
    if (buffer.first > now || buffer.last < now) continue;
    // A buffer made by this call has nothing to keep yet.
    if (buffer.first == now && buffer.cls != MemoryClass::parameters && buffer.cls != MemoryClass::optimizer && buffer.cls != MemoryClass::state &&
        buffer.cls != MemoryClass::input)
      continue;
    for (int64_t at = buffer.offset; at < buffer.offset + buffer.bytes; at += kAlignment) live[static_cast<size_t>(at / kAlignment)] = true;
  }
  for (int64_t at = 0; at < arena_bytes_; at += kAlignment)
    if (!live[static_cast<size_t>(at / kAlignment)]) std::memset(arena + at, kPattern, static_cast<size_t>(std::min(kAlignment, arena_bytes_ - at)));
  std::memcpy(copy_.data(), arena, copy_.size());
}

std::string Guard::after(size_t position, const unsigned char* arena) const {
  const Call& call = schedule_.calls[position];
  std::vector<std::pair<int64_t, int64_t>> allowed;
  for (int value : call.outputs) {
    if (value < 0) continue;
    const Buffer& buffer = schedule_.buffers[schedule_.values[static_cast<size_t>(value)].buffer.at()];
    allowed.emplace_back(buffer.offset, buffer.offset + buffer.bytes);
  }
  if (call.workspace_bytes > 0) allowed.emplace_back(call.workspace_offset, call.workspace_offset + call.workspace_bytes);
  for (int64_t at = 0; at < arena_bytes_; at += kAlignment) {
    const auto n = static_cast<size_t>(std::min(kAlignment, arena_bytes_ - at));
    if (std::memcmp(arena + at, copy_.data() + at, n) == 0) continue;
    bool fine = false;
    for (const auto& [begin, end] : allowed) fine = fine || (at >= begin && at < end);
    if (fine) continue;
    for (const Buffer& buffer : schedule_.buffers)
      if (buffer.first <= static_cast<int>(position) && buffer.last >= static_cast<int>(position) && at >= buffer.offset && at < buffer.offset + buffer.bytes)
        return fmt::format("{} (call {}) changed {}, which is not its output", call.kernel, position, buffer.name);
    return fmt::format("{} (call {}) wrote to free bytes at {}", call.kernel, position, at);
  }
  return {};
}

}  // namespace netc
