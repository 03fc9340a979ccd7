#include "passes/evaluate.h"

#include <fmt/format.h>

#include <cmath>

#include "passes/suggest.h"

namespace netc {
namespace {

using ast::Expr;
using ast::Operator;

bool integers(const Number& a, const Number& b) { return a.kind == Number::Kind::integer && b.kind == Number::Kind::integer; }

Number overflow(Location where, Diagnostics& diagnostics) {
  diagnostics.error("N0502", where, "the result does not fit in 63 bits").help = "sizes and counts reach to 9223372036854775807";
  return {};
}

Number divide(const Number& a, const Number& b, Location where, Diagnostics& diagnostics) {
  if (b.real == 0) {
    diagnostics.error("N0217", where, fmt::format("division of {} by zero", a.text()));
    return {};
  }
  if (!integers(a, b)) return Number::of_real(a.real / b.real);
  if (b.integer == -1) return a.integer == INT64_MIN ? overflow(where, diagnostics) : Number::of(-a.integer);
  if (a.integer % b.integer == 0) return Number::of(a.integer / b.integer);
  Number result = Number::of_real(a.real / b.real);
  result.remainder = {a.integer, b.integer, where};
  return result;
}

Number modulo(const Number& a, const Number& b, Location where, Diagnostics& diagnostics) {
  if (!integers(a, b)) {
    diagnostics.error("N0208", where, fmt::format("`%` wants whole numbers, not {} and {}", a.text(), b.text()));
    return {};
  }
  if (b.integer == 0) {
    diagnostics.error("N0217", where, fmt::format("division of {} by zero", a.text()));
    return {};
  }
  return Number::of(b.integer == -1 ? 0 : a.integer % b.integer);
}

Number arithmetic(const Number& a, Operator op, const Number& b, Location where, Diagnostics& diagnostics) {
  if (op == Operator::divide) return divide(a, b, where, diagnostics);
  if (op == Operator::modulo) return modulo(a, b, where, diagnostics);
  if (!integers(a, b)) {
    return Number::of_real(op == Operator::add ? a.real + b.real : op == Operator::subtract ? a.real - b.real : a.real * b.real);
  }
  int64_t result = 0;
  const bool bad = op == Operator::add        ? __builtin_add_overflow(a.integer, b.integer, &result)
                   : op == Operator::subtract ? __builtin_sub_overflow(a.integer, b.integer, &result)
                                              : __builtin_mul_overflow(a.integer, b.integer, &result);
  return bad ? overflow(where, diagnostics) : Number::of(result);
}

bool compare(const Number& a, Operator op, const Number& b) {
  const bool exact = integers(a, b);
  const bool less = exact ? a.integer < b.integer : a.real < b.real;
  const bool equal = exact ? a.integer == b.integer : a.real == b.real;
  switch (op) {
    case Operator::equal: return equal;
    case Operator::unequal: return !equal;
    case Operator::less: return less;
    case Operator::less_equal: return less || equal;
    case Operator::greater: return !less && !equal;
    default: return !less;
  }
}

/// One step of a chain from left to right. Whether `and` or `or` need their right side is decided by the caller.
Number combine(const Number& a, Operator op, const Number& b, Location where, Diagnostics& diagnostics) {
  if (!a.known() || !b.known()) return {};
  if (op == Operator::logical_and) return Number::of(a.truth() && b.truth());
  if (op == Operator::logical_or) return Number::of(a.truth() || b.truth());
  if (op >= Operator::equal && op <= Operator::greater_equal) return Number::of(compare(a, op, b));
  Number result = arithmetic(a, op, b, where, diagnostics);
  if (!result.remainder) result.remainder = a.remainder ? a.remainder : b.remainder;
  if (result.remainder && result.kind == Number::Kind::integer) result = Number::of_real(result.real);
  return result;
}

Number chain(const Expr& expr, const Surroundings& around) {
  Number value = evaluate(expr.operands[0], around);
  for (size_t i = 0; i < expr.operators.size(); ++i) {
    const Operator op = expr.operators[i];
    if (op == Operator::logical_and && value.known() && !value.truth()) return Number::of(0);
    if (op == Operator::logical_or && value.known() && value.truth()) return Number::of(1);
    Location where = expr.operands[0].where;
    const Location& last = expr.operands[i + 1].where;
    where.length = std::max(where.length, last.column + last.length - where.column);
    value = combine(value, op, evaluate(expr.operands[i + 1], around), where, around.diagnostics);
  }
  if (expr.operators[0] >= Operator::logical_and && value.known()) value = Number::of(value.truth());
  return value;
}

Number name(const Expr& expr, const Surroundings& around) {
  if (const Number* value = around.scope.find(expr.text)) return *value;
  Suggestion suggestion(expr.text);
  for (const Scope* scope = &around.scope; scope != nullptr; scope = scope->parent)
    for (const auto& [known, value] : scope->names) suggestion.consider(known);
  around.diagnostics.error("N0202", expr.where, fmt::format("`{}` is not defined", expr.text)).help =
      suggestion.text(fmt::format("define it before: let {}=...", expr.text));
  return {};
}

Number input_size(const Expr& expr, const Surroundings& around) {
  const std::string& which = expr.text;
  const auto fail = [&](const std::string& message, const std::string& help) {
    around.diagnostics.error("N0215", expr.where, message).help = help;
    return Number{};
  };
  if (which != "c" && which != "h" && which != "w" && which != "t")
    return fail(fmt::format("the current tensor has no size `in.{}`", which),
                "its sizes are in.h, in.w and in.c of an image, in.t and in.c of a sequence");
  if (around.no_tensor) return fail(fmt::format("`in.{}` where there is no current tensor", which), "it stands behind `input`, among the layers");
  if (around.current == nullptr) return {};
  const Shape& shape = *around.current;
  if (which == "c") return Number::of(shape.back());
  const size_t wanted = which == "t" ? 2 : 3;
  const bool flat = shape.size() == 1 && wanted == 3;  // {C} is 1 x 1 x C
  if (flat) return Number::of(1);
  if (shape.size() != wanted) {
    return fail(fmt::format("`in.{}` of a tensor {}", which, shape_text(shape)),
                wanted == 2 ? "only a sequence T x C has in.t" : "only an image H x W x C has in.h and in.w");
  }
  return Number::of(which == "w" ? shape[1] : shape[0]);
}

}  // namespace

Number Number::of(int64_t value) {
  Number n;
  n.kind = Kind::integer;
  n.integer = value;
  n.real = static_cast<double>(value);
  return n;
}

Number Number::of_real(double value) {
  Number n;
  n.kind = Kind::real;
  n.real = value;
  return n;
}

std::string Number::text() const { return kind == Kind::integer ? std::to_string(integer) : fmt::format("{}", real); }

const Number* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent) {
    if (scope->names.empty()) continue;
    const auto at = scope->names.find(name);
    if (at != scope->names.end()) return &at->second;
  }
  return nullptr;
}

Number evaluate(const Expr& expr, const Surroundings& around) {
  switch (expr.kind) {
    case Expr::Kind::integer: return Number::of(expr.integer);
    case Expr::Kind::real: return Number::of_real(expr.real);
    case Expr::Kind::name: return name(expr, around);
    case Expr::Kind::input_size: return input_size(expr, around);
    case Expr::Kind::scaled:
      return combine(Number::of(expr.integer), Operator::multiply, evaluate(expr.operands[0], around), expr.where, around.diagnostics);
    case Expr::Kind::chain: return chain(expr, around);
    case Expr::Kind::negate: return combine(Number::of(0), Operator::subtract, evaluate(expr.operands[0], around), expr.where, around.diagnostics);
    case Expr::Kind::logical_not: {
      const Number value = evaluate(expr.operands[0], around);
      return value.known() ? Number::of(!value.truth()) : value;
    }
    case Expr::Kind::missing: return {};
  }
  return {};
}

std::optional<int64_t> whole_number(const Number& value, Location where, const std::string& what, Diagnostics& diagnostics) {
  if (!value.known()) return std::nullopt;
  if (value.remainder) {
    const Number::Remainder& r = *value.remainder;
    diagnostics.error("N0306", r.where, fmt::format("{} divided by {} leaves a remainder of {}", r.dividend, r.divisor, r.dividend % r.divisor))
        .help = fmt::format("{} wants a whole number; choose a multiple of {}", what, r.divisor);
    return std::nullopt;
  }
  constexpr double exact = 9007199254740992.0;  // 2^53: beyond it not every whole number is a double
  if (value.kind == Number::Kind::real && value.real != std::floor(value.real)) {
    diagnostics.error("N0208", where, fmt::format("{} wants a whole number, not {}", what, value.text()));
    return std::nullopt;
  }
  if (!(std::abs(value.real) <= exact)) {
    diagnostics.error("N0502", where, fmt::format("{} is too large for {}", value.text(), what)).help = "sizes and counts reach to 2^53";
    return std::nullopt;
  }
  return static_cast<int64_t>(value.real);
}

}  // namespace netc
