// The examples of the rows as the rows' functions see them, without a parser: for docs/ops.md and for tests.
#pragma once

#include <string_view>

#include "ir/op.h"

namespace netc {

/// The arguments of `source`, a statement of `op` alone: "conv 4 3x3/2 pad=1,2 groups 2". Branches are not read.
/// Only for the sources of the table, which tests hold correct; a mistake in one is an internal error.
Args example_args(const OpDef& op, std::string_view source);

/// An example, its shapes and what the row makes of it. The branches of a combinator are taken to be of equal shapes.
struct LoweredExample {
  Args args;
  std::vector<Shape> inputs;
  Shape output;
  bool has_bias = true;

  LayerInfo info(int part = 0) const;
};

/// Infers the output of `example`; an internal error where that fails.
LoweredExample lower_example(const OpDef& op, const Example& example);

}  // namespace netc
