// The list of ops: one row an op, one file a row.
#pragma once

#include <string_view>
#include <vector>

#include "ir/op.h"

namespace netc {

/// Every op, in the order of docs/ops.md.
const std::vector<const OpDef*>& op_table();
/// The layer op of that name or alias, or null. Losses are found by find_loss only.
const OpDef* find_op(std::string_view name);
const OpDef* find_loss(std::string_view name);

}  // namespace netc
