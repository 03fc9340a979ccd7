// Operands of tile products laid out anew.
#pragma once

#include <cstdint>

namespace netrt {

/// to[panel][depth][16] = from[row, depth], rows of `pitch` floats, a panel for every 16 rows; zeros beyond the last row.
void pack_rows(float* to, const float* from, int64_t pitch, int64_t rows, int64_t depth);

/// to[j][i] = from[i][j], for `rows` x `columns` values.
void transpose(float* to, int64_t to_pitch, const float* from, int64_t from_pitch, int64_t rows, int64_t columns);

}  // namespace netrt
