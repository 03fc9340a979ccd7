// Documentation of the ops, written from the table.
#pragma once

#include <string>
#include <string_view>

namespace netc {

/// docs/ops.md: every op with its arguments, their defaults, what is kept for the backward pass and why, and examples.
std::string ops_markdown();

/// Help of one op for a terminal: `name` is an op, an alias, or "loss softmax"; empty if there is none of that name.
std::string ops_help(std::string_view name);

}  // namespace netc
