// Operands of tile products laid out anew.
#pragma once

#include <cstdint>

namespace netrt {

/// to[panel][depth][16] = from[row, depth], rows of `pitch` floats, a panel for every 16 rows; zeros beyond the last row.
void pack_rows(float* to, const float* from, int64_t pitch, int64_t rows, int64_t depth);

}  // namespace netrt
