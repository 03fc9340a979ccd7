// From the lexer's tokens to the parser's: what Net.g4 leaves to code. Internal to parse*.cpp.
#pragma once

#include <antlr4-runtime.h>

#include <deque>

#include "NetLexer.h"
#include "NetParser.h"
#include "diag/diagnostic.h"
#include "syntax/parse.h"

namespace netc::syntax {

/// The place of a token.
Location location(const antlr4::Token& token, int32_t source);
/// How messages name a token: "`conv`", "the end of the line".
std::string found(const antlr4::Token& token);

/// Drops newlines before `{` and `else`, empty statements and separators beside braces; reports characters that mean nothing, strings without
/// end, braces that do not match and nesting that is too deep (before the parser, which is recursive, could see it). Hands the file over in
/// chunks of whole statements, each ended by EOF, so that the parser's memory does not grow with the file.
class TokenFilter final : public antlr4::TokenSource {
 public:
  TokenFilter(antlr4::TokenSource& lexer, int32_t source, Diagnostics& diagnostics) : lexer_(lexer), source_(source), diagnostics_(diagnostics) {}

  std::unique_ptr<antlr4::Token> nextToken() override;
  size_t getLine() const override { return lexer_.getLine(); }
  size_t getCharPositionInLine() override { return lexer_.getCharPositionInLine(); }
  antlr4::CharStream* getInputStream() override { return lexer_.getInputStream(); }
  std::string getSourceName() override { return lexer_.getSourceName(); }
  antlr4::TokenFactory<antlr4::CommonToken>* getTokenFactory() override { return lexer_.getTokenFactory(); }

  bool more() const { return !finished_; }  ///< another chunk follows
  bool balanced() const { return balanced_; }

 private:
  using TokenPtr = std::unique_ptr<antlr4::Token>;

  TokenPtr raw();  ///< the next token of the lexer, or of what was read ahead
  TokenPtr separate(TokenPtr separator);
  TokenPtr emit(TokenPtr token);
  bool nest(const antlr4::Token& token);
  TokenPtr end(const antlr4::Token& at);
  TokenPtr make(size_t type, std::string text, const antlr4::Token& at);
  void report_character(const antlr4::Token& token);

  antlr4::TokenSource& lexer_;
  int32_t source_;
  Diagnostics& diagnostics_;
  std::deque<TokenPtr> ahead_;
  std::vector<Location> open_;  ///< braces not closed yet
  size_t parentheses_ = 0;
  size_t statements_ = 0;  ///< at the top level, in this chunk
  size_t tokens_ = 0;      ///< in the file
  size_t last_ = kStart;   ///< type of the token handed over last
  bool finished_ = false, balanced_ = true;

  static constexpr size_t kStart = 0;
};

}  // namespace netc::syntax
