// What add, concat and mul share: branches whose shapes must agree.
#pragma once

#include "ops/common.h"

namespace netc::ops {

/// N0301: the branches `wrong` (counted from 0) do not agree with branch 0. `help`: the likely fix.
void report_mismatch(const InferContext& context, const std::vector<size_t>& wrong, std::string help);
/// How to bring one of two shapes to the other: by a convolution where only channels differ, by a stride where the sides do.
std::string mismatch_help(const Shape& first, const Shape& other, size_t index);

}  // namespace netc::ops
