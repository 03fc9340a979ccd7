// What the program said it would allocate, and what it did.
#pragma once

#include <cstdint>
#include <string>

#include "program.h"

namespace netrt {

/// All in bytes.
struct MemoryReport {
  int64_t planned = 0, allocated = 0;
  int64_t device_before = 0, device_after = 0;  ///< free memory before the context and now, by the device's account; 0 where it has none
  int64_t library = 0;  ///< what the device lost beyond `allocated`: context, handles, loaded kernels; 0 where the device has no account
  int64_t peak = 0;     ///< most that the device lost when asked; where it has no account, the process's largest resident size
  std::string device, library_name;
};

/// Asks the device now; `before` is the report made last, whose peak it keeps if that was higher.
MemoryReport measure_memory(Context&, int64_t planned, const MemoryReport& before);

/// {"planned":..,"allocated":..,"difference":..,"device_before":..,"device_after":..,"library":..,"peak":..,"device":"..."}
std::string memory_json(const MemoryReport&);

/// The same for people, one line.
std::string memory_line(const MemoryReport&);

}  // namespace netrt
