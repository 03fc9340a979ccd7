#include "memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

namespace netrt {

namespace {

/// Device names hold no control characters; quotes and backslashes are escaped all the same.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) continue;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string size_text(int64_t bytes) {
  char text[40];
  if (bytes >= int64_t{1} << 30) {
    std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes) / (1 << 30));
  } else {
    std::snprintf(text, sizeof text, "%.2f MiB", static_cast<double>(bytes) / (1 << 20));
  }
  return text;
}

}  // namespace

MemoryReport measure_memory(Context& ctx, int64_t planned, const MemoryReport& before) {
  const DeviceReport device = device_report(ctx);
  MemoryReport report;
  report.planned = planned;
  report.allocated = static_cast<int64_t>(device_allocated(ctx));
  report.device_before = static_cast<int64_t>(device.free_before);
  report.device_after = static_cast<int64_t>(device.free_now);
  report.device = device.name;
  report.library_name = device.library;
  if (report.device_before > 0) {
    const int64_t lost = report.device_before - report.device_after;
    report.library = lost - report.allocated;
    report.peak = std::max(before.peak, lost);
  } else {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report.peak = static_cast<int64_t>(usage.ru_maxrss) * 1024;
  }
  return report;
}

std::string memory_json(const MemoryReport& report) {
  const auto number = [](const char* key, int64_t value) { return "\"" + std::string(key) + "\":" + std::to_string(value) + ","; };
  return "{" + number("planned", report.planned) + number("allocated", report.allocated) + number("difference", report.allocated - report.planned) +
         number("device_before", report.device_before) + number("device_after", report.device_after) + number("library", report.library) +
         number("peak", report.peak) + "\"device\":" + quoted(report.device) + "}";
}

std::string memory_line(const MemoryReport& report) {
  std::string text = "memory: planned " + std::to_string(report.planned) + " bytes (" + size_text(report.planned) + "), allocated " +
                     std::to_string(report.allocated) + ", difference " + std::to_string(report.allocated - report.planned);
  if (report.device_before > 0) {
    text += "; the device lost " + size_text(report.device_before - report.device_after) + ", of which " + size_text(report.library) +
            " to its libraries";
  } else {
    text += "; the process's peak " + size_text(report.peak);
  }
  return text + " (" + report.device + (report.library_name.empty() ? "" : "; " + report.library_name) + ")";
}

}  // namespace netrt
