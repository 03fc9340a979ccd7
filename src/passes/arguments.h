// The items of a statement held against a list of ArgSpecs: a layer's, or a setting's of `train`.
#pragma once

#include <span>
#include <string>

#include "ir/op.h"
#include "passes/evaluate.h"
#include "syntax/ast.h"

namespace netc {

struct Matched {
  Args args;
  std::string source;    ///< the statement with its values filled in: "conv 64 3x3/2 pad"
  bool complete = true;  ///< false: something is missing or unknown, and has been reported
};

/// Matches `layer.items` with `specs`: positional arguments by their form and order, the others by name. `verb` is how messages call the
/// statement. Reports N0202 to N0205, N0208, N0209 and what evaluate() and whole_number() report.
Matched match_arguments(const ast::Layer& layer, std::string_view verb, std::span<const ArgSpec> specs, const Surroundings& around);

/// How the statement is written: "conv FILTERS KxK[/s] [pad] ...", for help.
std::string usage(std::string_view verb, std::span<const ArgSpec> specs);

}  // namespace netc
