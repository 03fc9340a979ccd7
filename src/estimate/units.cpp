#include "estimate/units.h"

#include <fmt/format.h>

namespace netc {

std::string grouped(int64_t n) {
  std::string digits = fmt::format("{}", n);
  for (int i = static_cast<int>(digits.size()) - 3; i > (n < 0 ? 1 : 0); i -= 3) digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

std::string memory_text(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.2f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024);
}

std::string count_text(int64_t n) {
  if (n < 1000) return fmt::format("{}", n);
  double value = static_cast<double>(n);
  int unit = -1;
  while (value >= 999.5 && unit < 3) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, "kMGT"[unit]);
}

std::string seconds_text(double seconds) {
  const auto [value, unit] = seconds < 0.9995e-3 ? std::pair{1e6 * seconds, "us"} : seconds < 0.9995 ? std::pair{1e3 * seconds, "ms"} : std::pair{seconds, "s"};
  return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, unit);
}

}  // namespace netc
