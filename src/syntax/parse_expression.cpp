#include <charconv>

#include "syntax/parse_build.h"

namespace netc::syntax {

using antlr4::tree::ParseTree;
using antlr4::tree::TerminalNode;
using ast::Expr;
using netgrammar::NetParser;

namespace {

const antlr4::Token& symbol(ParseTree* node) { return *dynamic_cast<TerminalNode*>(node)->getSymbol(); }

Expr make(Expr::Kind kind, Location where, std::string text = {}) {
  Expr out;
  out.kind = kind;
  out.where = where;
  out.text = std::move(text);
  return out;
}

struct Infix {
  size_t token;
  ast::Operator op;
  int precedence;
};
enum Precedence { kOr = 1, kAnd, kCompare, kSum, kProduct, kOperand };

constexpr Infix kInfixes[] = {
    {NetParser::OR, ast::Operator::logical_or, kOr},
    {NetParser::AND, ast::Operator::logical_and, kAnd},
    {NetParser::EQUAL, ast::Operator::equal, kCompare},
    {NetParser::UNEQUAL, ast::Operator::unequal, kCompare},
    {NetParser::LESS, ast::Operator::less, kCompare},
    {NetParser::LESS_EQUAL, ast::Operator::less_equal, kCompare},
    {NetParser::GREATER, ast::Operator::greater, kCompare},
    {NetParser::GREATER_EQUAL, ast::Operator::greater_equal, kCompare},
    {NetParser::PLUS, ast::Operator::add, kSum},
    {NetParser::MINUS, ast::Operator::subtract, kSum},
    {NetParser::STAR, ast::Operator::multiply, kProduct},
    {NetParser::SLASH, ast::Operator::divide, kProduct},
    {NetParser::PERCENT, ast::Operator::modulo, kProduct},
};

const Infix& infix_of(size_t token) {
  for (const Infix& infix : kInfixes)
    if (infix.token == token) return infix;
  return kInfixes[0];
}

/// From the start of `first` to the end of `last`, which is on the same line.
Location span(Location first, Location last) {
  first.length = std::max(first.length, last.column + last.length - first.column);
  return first;
}

}  // namespace

/// A flat chain while precedence is climbed: `operands[i] operators[i] operands[i + 1]`.
struct Builder::Chain {
  std::vector<NetParser::OperandContext*> operands;
  std::vector<const Infix*> operators;
  size_t at = 0;    ///< operand to be read next
  size_t nots = 0;  ///< leading `not`s of that operand already taken
};

Expr Builder::expr(NetParser::ExprContext* context) {
  if (!ok(context)) return {};
  Chain chain;
  chain.operands = context->operand();
  for (NetParser::InfixContext* op : context->infix()) {
    if (!ok(op) || op->start == nullptr) return {};
    chain.operators.push_back(&infix_of(op->start->getType()));
  }
  for (NetParser::OperandContext* each : chain.operands)
    if (!ok(each)) return {};
  if (chain.operands.size() != chain.operators.size() + 1) {
    broken_ = true;
    return {};
  }
  if (chain.operators.empty() && chain.operands[0]->children.size() == 1) return operand(chain);  // most are one word
  return level(chain, kOr);
}

/// One level of precedence; `not`, as often as it stands, is looser than a comparison and tighter than `and`.
Expr Builder::level(Chain& chain, int precedence) {
  if (precedence == kOperand) return operand(chain);
  if (precedence != kCompare) return joined(chain, precedence);
  const auto& prefix = chain.operands[chain.at]->children;
  size_t nots = 0;
  while (nots + 1 < prefix.size() && symbol(prefix[nots]).getType() == NetParser::NOT) ++nots;
  chain.nots = nots;
  Expr inner = joined(chain, precedence);
  for (size_t left = nots == 0 ? 0 : 2 - nots % 2; left > 0; --left) {  // two of them make a truth of a number
    Expr out = make(Expr::Kind::logical_not, span(where(symbol(prefix[0])), inner.where));
    out.operands.push_back(std::move(inner));
    inner = std::move(out);
  }
  return inner;
}

/// Operands of the next level, joined by this level's operators.
Expr Builder::joined(Chain& chain, int precedence) {
  Expr first = level(chain, precedence + 1);
  Expr out = make(Expr::Kind::chain, first.where);
  while (chain.at <= chain.operators.size() && chain.operators[chain.at - 1]->precedence == precedence) {
    if (out.operands.empty()) out.operands.push_back(std::move(first));
    out.operators.push_back(chain.operators[chain.at - 1]->op);
    out.operands.push_back(level(chain, precedence + 1));
  }
  if (out.operands.empty()) return first;
  out.where = span(out.operands.front().where, out.operands.back().where);
  if (precedence == kCompare && out.operators.size() > 1) {
    diagnostics_.error("N0108", out.where, "comparisons cannot be chained").help = "join two with `and`: a < b and b < c";
    return {};
  }
  return out;
}

Expr Builder::operand(Chain& chain) {
  const std::vector<ParseTree*>& children = chain.operands[chain.at++]->children;
  size_t at = std::exchange(chain.nots, 0);
  bool negative = false;
  const size_t sign = at;
  for (; at < children.size(); ++at) {
    auto* terminal = dynamic_cast<TerminalNode*>(children[at]);
    const size_t type = terminal != nullptr ? terminal->getSymbol()->getType() : 0;
    if (type == NetParser::NOT) {
      diagnostics_.error("N0108", where(*terminal->getSymbol()), "`not` cannot stand inside a sum, a product or a comparison").help =
          "put it and what it denies in parentheses";
      return {};
    }
    if (type != NetParser::MINUS) break;
    negative = !negative;
  }
  Expr value = atom(children, at);
  if (!negative) return value;
  Expr out = make(Expr::Kind::negate, span(where(symbol(children[sign])), value.where));
  out.operands.push_back(std::move(value));
  return out;
}

/// What an operand is without its signs: `64`, `0.1`, `c`, `4c`, `in.c`, `(...)`.
Expr Builder::atom(const std::vector<ParseTree*>& children, size_t first) {
  if (first >= children.size()) {
    broken_ = true;
    return {};
  }
  const antlr4::Token& token = symbol(children[first]);
  auto* dotted = first + 2 < children.size() ? dynamic_cast<TerminalNode*>(children[first + 2]) : nullptr;
  const antlr4::Token* member = dotted != nullptr ? dotted->getSymbol() : nullptr;
  switch (token.getType()) {
    case NetParser::INT:
    case NetParser::REAL: return number(token);
    case NetParser::SCALED: return scaled(token, member);
    case NetParser::IN:
      if (member == nullptr) return {};
      return make(Expr::Kind::input_size, span(where(token), where(*member)), text_of(*member));
    case NetParser::OPEN_PAREN: {
      auto* inner = dynamic_cast<NetParser::ExprContext*>(children[first + 1]);
      return expr(inner);
    }
    default: return make(Expr::Kind::name, where(token), text_of(token));
  }
}

Expr Builder::number(const antlr4::Token& token) {
  const std::string text = text_of(token);
  Expr out = make(Expr::Kind::integer, where(token));
  if (token.getType() == NetParser::REAL) {
    out.kind = Expr::Kind::real;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.real);
    if (error == std::errc()) return out;
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.integer);
    if (error == std::errc()) return out;
  }
  diagnostics_.error("N0502", out.where, "the number is too large or too small").help = "whole numbers reach to 9223372036854775807";
  return {};
}

/// `4c` and `4in.c`.
Expr Builder::scaled(const antlr4::Token& token, const antlr4::Token* member) {
  const std::string text = text_of(token);
  const size_t digits = text.find_first_not_of("0123456789");
  Expr out = make(Expr::Kind::scaled, where(token));
  Location at = out.where;
  at.column += static_cast<int32_t>(digits);
  at.length -= static_cast<int32_t>(digits);
  Expr base = make(Expr::Kind::name, at, text.substr(digits));
  if (member != nullptr) {
    out.where = span(out.where, where(*member));
    if (base.text != "in") {
      diagnostics_.error("N0101", at, "only `in` has sizes: in.c, in.h, in.w, in.t");
      return {};
    }
    base = make(Expr::Kind::input_size, span(at, where(*member)), text_of(*member));
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, out.integer);
  if (error != std::errc()) {
    diagnostics_.error("N0502", out.where, "the number is too large or too small").help = "whole numbers reach to 9223372036854775807";
    return {};
  }
  out.operands.push_back(std::move(base));
  return out;
}

Expr Builder::count(NetParser::CountContext* context) { return ok(context) ? atom(context->children, 0) : Expr{}; }

/// The sides of `3xk`: numbers and names of one letter and digits.
std::vector<Expr> Builder::sides(const antlr4::Token& shape) {
  const std::string text = text_of(shape);
  std::vector<Expr> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;  // a side's first letter may itself be an x
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    Location side = where(shape);
    side.column += static_cast<int32_t>(at);
    side.length = static_cast<int32_t>(end - at);
    Expr value = make(Expr::Kind::name, side, text.substr(at, end - at));
    if (text[at] >= '0' && text[at] <= '9') {
      value.kind = Expr::Kind::integer;
      if (std::from_chars(text.data() + at, text.data() + end, value.integer).ec != std::errc()) {
        diagnostics_.error("N0502", side, "the number is too large or too small").help = "whole numbers reach to 9223372036854775807";
        value.kind = Expr::Kind::missing;
      }
    }
    out.push_back(std::move(value));
    at = end + 1;
  }
  return out;
}

ast::Item Builder::kernel(NetParser::ItemContext* context) {
  ast::Item out;
  out.kind = ast::Item::Kind::kernel;
  out.where = where(*context->start);
  out.values = sides(*context->start);
  NetParser::StrideContext* stride = context->stride();
  if (stride == nullptr) {
    if (context->SLASH() != nullptr) broken_ = true;
    return out;
  }
  if (!ok(stride)) return out;
  out.where = span(out.where, where(*stride->stop));
  if (stride->SHAPE() != nullptr)
    out.stride = sides(*stride->start);
  else
    out.stride.push_back(atom(stride->children, 0));
  return out;
}

ast::Item Builder::item(NetParser::ItemContext* context) {
  ast::Item out;
  if (!ok(context)) return out;
  out.where = where(*context->start);
  if (context->SHAPE() != nullptr) return kernel(context);
  if (context->STRING() != nullptr) {
    out.kind = ast::Item::Kind::string;
    out.text = string(context->STRING()).text;
    return out;
  }
  for (NetParser::ExprContext* value : context->expr()) out.values.push_back(expr(value));
  if (out.values.empty()) {
    broken_ = true;
    return out;
  }
  out.where = span(out.values.front().where, out.values.back().where);
  if (context->RANGE() != nullptr) out.kind = ast::Item::Kind::range;
  if (context->ASSIGN() == nullptr) return out;
  out.kind = ast::Item::Kind::assign;
  if (out.values.front().kind != Expr::Kind::name) {
    diagnostics_.error("N0101", out.values.front().where, "expected a word before `=`").help = "to compare, write `==`";
    broken_ = true;
    return out;
  }
  out.text = out.values.front().text;
  out.values.erase(out.values.begin());
  return out;
}

}  // namespace netc::syntax
