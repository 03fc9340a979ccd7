// From ANTLR's parse tree to ast.h. Internal to parse*.cpp.
#pragma once

#include "syntax/ast.h"
#include "syntax/parse_tokens.h"

namespace netc::syntax {

/// Builds the tree of one chunk. Where a part of a statement has a syntax error, the whole becomes ast::Broken, but for `let` and `def`,
/// which keep their names so that nobody complains of those too.
class Builder {
 public:
  Builder(const std::string& text, int32_t source, Diagnostics& diagnostics);

  void statements(const std::vector<netgrammar::NetParser::StatementContext*>& contexts, std::vector<ast::Statement>& into);

 private:
  using Parser = netgrammar::NetParser;

  // parse_build.cpp
  ast::Statement statement(Parser::StatementContext* context);
  void fill(ast::Statement& into, Parser::StatementContext* context);
  ast::For for_statement(Parser::ForStatementContext* context);
  ast::If if_statement(Parser::IfStatementContext* context);
  ast::Input input_statement(Parser::InputStatementContext* context);
  ast::Action action(Parser::ActionStatementContext* context);
  ast::Def def_statement(Parser::DefStatementContext* context);
  ast::Let let_statement(Parser::LetStatementContext* context);
  ast::Layer layer(Parser::LayerContext* context);
  ast::Block block(Parser::BlockContext* context);
  std::vector<ast::Item> items(const std::vector<Parser::ItemContext*>& contexts);
  ast::Name name(antlr4::tree::TerminalNode* node);
  ast::Name string(antlr4::tree::TerminalNode* node);

  // parse_expression.cpp
  struct Chain;
  ast::Item item(Parser::ItemContext* context);
  ast::Item kernel(Parser::ItemContext* context);
  std::vector<ast::Expr> sides(const antlr4::Token& shape);
  ast::Expr expr(Parser::ExprContext* context);
  ast::Expr level(Chain& chain, int precedence);
  ast::Expr joined(Chain& chain, int precedence);
  ast::Expr operand(Chain& chain);
  ast::Expr atom(const std::vector<antlr4::tree::ParseTree*>& children, size_t first);
  ast::Expr count(Parser::CountContext* context);
  ast::Expr number(const antlr4::Token& token);
  ast::Expr scaled(const antlr4::Token& token, const antlr4::Token* member);

  std::string text_of(const antlr4::Token& token) const;
  Location where(const antlr4::Token& token) const { return location(token, source_); }
  /// Marks the statement broken if the rule had a syntax error.
  bool ok(const antlr4::ParserRuleContext* context);

  const std::string& text_;
  int32_t source_;
  Diagnostics& diagnostics_;
  bool ascii_;           ///< offsets of tokens are offsets in text_
  bool broken_ = false;  ///< the statement at hand has a syntax error
};

}  // namespace netc::syntax
