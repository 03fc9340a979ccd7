// Numbers for people.
#pragma once

#include <cstdint>
#include <string>

namespace netc {

/// "40,249,856".
std::string grouped(int64_t n);
/// "38.39 MiB" below 1 GiB, "1.25 GiB" above, "0 MiB".
std::string memory_text(int64_t bytes);
/// Three significant digits and k, M, G or T (powers of 1000): "2.29M".
std::string count_text(int64_t n);
/// Three significant digits and us, ms or s: "4.56 ms".
std::string seconds_text(double seconds);

}  // namespace netc
