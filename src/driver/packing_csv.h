// Packing problems as CSV: id,lower,upper,size and, once solved, offset. A buffer lives on [lower, upper).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"

namespace netc {

struct PackingRow {
  std::string id;
  int64_t lower = 0, upper = 0, size = 0, offset = 0;
};

/// Reads a problem: a header that names the columns, then one buffer a line. A column `offset` may be there and is not read.
/// On a mistake `error` is "LINE: what is wrong" and the result is empty.
std::vector<PackingRow> read_packing_csv(std::string_view text, std::string& error);

std::string packing_csv(const std::vector<PackingRow>& rows);

/// The buffers of `schedule` with their offsets; the first `persistent` live always.
std::vector<PackingRow> packing_rows(const Schedule& schedule, int persistent);

}  // namespace netc
