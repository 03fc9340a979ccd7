// Calls that copy channels between tensors: concat and slice.
#pragma once

#include "ops/common.h"

namespace netc::ops {

/// `count` channels of each of `rows` rows, from channel `from` of `from_channels` to channel `to` of `to_channels`.
Desc channels_desc(int64_t rows, int64_t count, int64_t from_channels, int64_t from, int64_t to_channels, int64_t to);

}  // namespace netc::ops
