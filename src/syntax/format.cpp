#include "syntax/format.h"

#include <fmt/format.h>

namespace netc {
namespace {

using ast::Expr;
using ast::Operator;

constexpr std::string_view kOperators[] = {" + ", " - ", "*", "/", " % ", " == ", " != ", " < ", " <= ", " > ", " >= ", " and ", " or "};

std::string_view operator_text(Operator op) { return kOperators[static_cast<size_t>(op)]; }

/// How tightly an expression holds together; an operand that holds less tightly than its place stands in parentheses.
int tightness(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::logical_not: return 3;
    case Expr::Kind::negate: return 7;
    case Expr::Kind::chain: break;
    default: return 8;
  }
  switch (expr.operators[0]) {
    case Operator::logical_or: return 1;
    case Operator::logical_and: return 2;
    case Operator::add:
    case Operator::subtract: return 5;
    case Operator::multiply:
    case Operator::divide:
    case Operator::modulo: return 6;
    default: return 4;
  }
}

std::string inside(const Expr& expr, int least) {
  const std::string text = format(expr);
  return tightness(expr) < least ? "(" + text + ")" : text;
}

/// A real keeps its point, so that it is read back as a real.
std::string real_text(double value) {
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string string_text(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// An argument. Arguments stand side by side, so one with spaces or a sign of its own is put in parentheses.
std::string argument(const Expr& expr) { return expr.kind == Expr::Kind::negate ? "(" + format(expr) + ")" : inside(expr, 6); }

std::string joined(const std::vector<Expr>& values, std::string_view separator, bool bare) {
  std::string out;
  for (const Expr& value : values) out += (out.empty() ? "" : std::string(separator)) + (bare ? format(value) : argument(value));
  return out;
}

std::string item_text(const ast::Item& item) {
  switch (item.kind) {
    case ast::Item::Kind::kernel: {
      const bool plain = item.stride.size() != 1 || tightness(item.stride[0]) == 8;
      const std::string stride = plain ? joined(item.stride, "x", true) : "(" + format(item.stride[0]) + ")";
      return joined(item.values, "x", true) + (item.stride.empty() ? "" : "/" + stride);
    }
    case ast::Item::Kind::range: return argument(item.values[0]) + ".." + argument(item.values[1]);
    case ast::Item::Kind::assign: return item.text + "=" + joined(item.values, ",", false);
    case ast::Item::Kind::string: return string_text(item.text);
    case ast::Item::Kind::expr: break;
  }
  return argument(item.values[0]);
}

class Formatter {
 public:
  std::string text;

  void statements(const std::vector<ast::Statement>& list) {
    for (const ast::Statement& statement : list) {
      text.append(indent_, ' ');
      std::visit([this](const auto& body) { write(body); }, statement.body);
      text += "\n";
    }
  }

 private:
  void block(const ast::Block& block) {
    if (block.statements.empty()) {
      text += "{}";
      return;
    }
    text += "{\n";
    indent_ += 2;
    statements(block.statements);
    indent_ -= 2;
    text.append(indent_, ' ');
    text += "}";
  }

  void layer(const ast::Layer& layer) {
    text += layer.verb.text;
    for (const ast::Item& item : layer.items) text += " " + item_text(item);
    for (const ast::Block& branch : layer.branches) {
      text += " ";
      block(branch);
    }
  }

  void bindings(const std::vector<ast::Binding>& list) {
    for (const ast::Binding& binding : list) text += " " + binding.name.text + (binding.value ? "=" + argument(*binding.value) : "");
  }

  void write(const ast::Broken&) { text += "# a statement with a syntax error"; }
  void write(const ast::Net& net) { text += "net " + net.name.text; }
  void write(const ast::Use& use) { text += "use " + string_text(use.path); }
  void write(const ast::None&) { text += "none"; }
  void write(const ast::Setting& setting) { layer(setting.layer); }
  void write(const ast::Let& let) {
    text += "let";
    bindings(let.bindings);
  }
  void write(const ast::Def& def) {
    text += "def " + def.name.text;
    bindings(def.parameters);
    text += " ";
    block(def.body);
  }
  void write(const ast::For& loop) {
    text += "for";
    for (const ast::Name& name : loop.names) text += " " + name.text;
    text += " in";
    for (const ast::Row& row : loop.rows) text += " (" + joined(row.values, " ", false) + ")";
    text += " ";
    block(loop.body);
  }
  void write(const ast::If& choice) {
    for (const ast::Arm& arm : choice.arms) {
      text += (&arm == &choice.arms.front() ? "if " : " else if ") + format(arm.condition) + " ";
      block(arm.body);
    }
    if (!choice.otherwise) return;
    text += " else ";
    block(*choice.otherwise);
  }
  void write(const ast::Input& input) {
    text += "input";
    for (const ast::Item& item : input.items) text += " " + item_text(item);
    if (input.reader) text += " from " + input.reader->text;
    if (input.path) text += " " + string_text(input.path->text);
    if (!input.augmentation) return;
    text += " ";
    block(*input.augmentation);
  }
  void write(const ast::Train& train) {
    text += "train ";
    block(train.block);
  }
  void write(const ast::Action& action) {
    if (action.label) text += action.label->text + ": ";
    for (const Expr& count : action.counts) text += inside(count, 8) + " * ";
    if (action.block)
      block(*action.block);
    else
      layer(action.layer);
  }

  size_t indent_ = 0;
};

}  // namespace

std::string format(const Expr& expr) {
  switch (expr.kind) {
    case Expr::Kind::missing: return "0";
    case Expr::Kind::integer: return std::to_string(expr.integer);
    case Expr::Kind::real: return real_text(expr.real);
    case Expr::Kind::name: return expr.text;
    case Expr::Kind::input_size: return "in." + expr.text;
    case Expr::Kind::scaled: return std::to_string(expr.integer) + format(expr.operands[0]);
    case Expr::Kind::negate: return "-" + inside(expr.operands[0], 8);
    case Expr::Kind::logical_not: return "not " + inside(expr.operands[0], 4);
    case Expr::Kind::chain: break;
  }
  const int own = tightness(expr);
  // A comparison holds sums only, and the operands of a chain are not of its own precedence, but for the parentheses that were written.
  std::string out = inside(expr.operands[0], own + 1);
  for (size_t i = 0; i < expr.operators.size(); ++i) {
    const Expr& operand = expr.operands[i + 1];
    out += std::string(operator_text(expr.operators[i])) + inside(operand, own + 1);
  }
  return out;
}

std::string format(const ast::File& file) {
  Formatter formatter;
  formatter.statements(file.statements);
  return std::move(formatter.text);
}

}  // namespace netc
