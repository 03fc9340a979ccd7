// Expressions of a `.net` file: constants, names and the sizes of the current tensor, all known while the file is read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "diag/diagnostic.h"
#include "ir/type.h"
#include "syntax/ast.h"

namespace netc {

/// An integer, a real, or unknown after a mistake that has been reported. Truth is 1 and 0.
struct Number {
  enum class Kind : uint8_t { unknown, integer, real } kind = Kind::unknown;
  int64_t integer = 0;
  double real = 0;  ///< the value, of an integer too
  /// A division of integers that left a remainder on the way here: no size may come of it.
  struct Remainder {
    int64_t dividend, divisor;
    Location where;
  };
  std::optional<Remainder> remainder;

  static Number of(int64_t value);
  static Number of_real(double value);
  bool known() const { return kind != Kind::unknown; }
  bool truth() const { return real != 0; }
  /// "64", "0.1".
  std::string text() const;
};

/// Names and their values; what is not found here is looked for in `parent`. Names point into the tree.
struct Scope {
  const Scope* parent = nullptr;
  std::unordered_map<std::string_view, Number> names;

  const Number* find(std::string_view name) const;
};

/// What an expression may speak of.
struct Surroundings {
  const Scope& scope;
  const Shape* current = nullptr;  ///< null: unknown after a mistake, or no tensor yet
  bool no_tensor = false;          ///< there is no current tensor here: before `input`, in `train`
  Diagnostics& diagnostics;
};

/// The value of `expr`; unknown after a diagnostic (N0202 undefined name, N0208 wrong kind of number, N0215 no such size, N0217 division by
/// zero, N0502 overflow).
Number evaluate(const ast::Expr& expr, const Surroundings& around);

/// A whole number out of `value`, which `what` wants ("`conv`"), or nothing after a diagnostic: N0306 for a remainder, N0208, N0502 beyond
/// 2^53. Nothing, and no diagnostic, for an unknown value.
std::optional<int64_t> whole_number(const Number& value, Location where, const std::string& what, Diagnostics& diagnostics);

}  // namespace netc
