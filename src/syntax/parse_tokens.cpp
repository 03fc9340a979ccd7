#include "syntax/parse_tokens.h"

#include <fmt/format.h>

#include "support/utf8.h"

namespace netc::syntax {

using antlr4::Token;
using netgrammar::NetLexer;

namespace {
constexpr size_t kStatementsPerChunk = 256;

bool is_newline(const Token& token) { return token.getType() == NetLexer::SEP && token.getText() != ";"; }
}  // namespace

Location location(const Token& token, int32_t source) {
  const size_t start = token.getStartIndex(), stop = token.getStopIndex();
  const size_t length = token.getType() == Token::EOF || stop < start ? 1 : stop - start + 1;
  return {source, static_cast<int32_t>(token.getLine()), static_cast<int32_t>(token.getCharPositionInLine()) + 1, static_cast<int32_t>(length)};
}

std::string found(const Token& token) {
  if (token.getType() == Token::EOF) return "the end of the file";
  if (is_newline(token)) return "the end of the line";
  std::string text = token.getText();
  if (text.size() > 40) {
    size_t end = 40;  // not inside a character
    while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return "`" + text + "`";
}

void TokenFilter::report_character(const Token& token) {
  const std::string text = token.getText();
  const char32_t c = code_point(text, 0).value;
  const Location where = location(token, source_);
  if (is_hidden(c)) {
    diagnostics_.error("N0104", where, fmt::format("control or invisible character U+{:04X}", static_cast<uint32_t>(c))).help =
        "delete it; outside strings and comments a file is plain text";
    return;
  }
  Diagnostic& error = diagnostics_.error("N0102", where, fmt::format("`{}` means nothing here", text));
  if (c > 0x7F) error.help = fmt::format("outside strings and comments a file is ASCII; this is U+{:04X}", static_cast<uint32_t>(c));
  if (c == '[' || c == ']') error.help = "branches and blocks are written in braces: { ... }";
  if (c == '\'') error.help = "strings are written in double quotes";
  if (c == '&' || c == '|' || c == '!') error.help = "conditions are joined by `and`, `or`, `not`";
}

TokenFilter::TokenPtr TokenFilter::raw() {
  if (!ahead_.empty()) {
    TokenPtr token = std::move(ahead_.front());
    ahead_.pop_front();
    return token;
  }
  TokenPtr token = lexer_.nextToken();
  if (token->getType() == NetLexer::OTHER) {
    report_character(*token);  // the parser skips its statement, without another word
    if (diagnostics_.errors() >= static_cast<int>(kMostSyntaxErrors)) return make(Token::EOF, "<EOF>", *token);
  }
  if (token->getType() == NetLexer::UNCLOSED) {
    diagnostics_.error("N0103", location(*token, source_), "the string is not closed on its line").help = "end it with `\"`";
    return make(NetLexer::STRING, token->getText() + "\"", *token);
  }
  return token;
}

TokenFilter::TokenPtr TokenFilter::make(size_t type, std::string text, const Token& at) {
  auto token = std::make_unique<antlr4::CommonToken>(type, text);
  token->setLine(at.getLine());
  token->setCharPositionInLine(at.getCharPositionInLine());
  token->setStartIndex(at.getStartIndex());
  token->setStopIndex(at.getStopIndex());
  return token;
}

TokenFilter::TokenPtr TokenFilter::emit(TokenPtr token) {
  last_ = token->getType();
  return token;
}

/// Counts braces and parentheses. Returns false where the file cannot be followed further.
bool TokenFilter::nest(const Token& token) {
  switch (token.getType()) {
    case NetLexer::OPEN: open_.push_back(location(token, source_)); break;
    case NetLexer::CLOSE:
      open_.pop_back();
      parentheses_ = 0;
      break;
    case NetLexer::OPEN_PAREN: ++parentheses_; break;
    case NetLexer::CLOSE_PAREN: parentheses_ -= parentheses_ > 0; break;
    default: break;
  }
  if (open_.size() <= kDeepestNesting && parentheses_ <= kDeepestNesting) return true;
  diagnostics_.error("N0501", location(token, source_), fmt::format("nesting is deeper than {}", kDeepestNesting)).help =
      "name the inner part with `def`, or a value with `let`";
  return false;
}

/// The file's end: closes the braces it left open, one a call.
TokenFilter::TokenPtr TokenFilter::end(const Token& at) {
  if (!open_.empty()) {
    if (balanced_) diagnostics_.error("N0107", open_.front(), "this `{` is never closed").help = "add the missing `}`";
    balanced_ = false;
    open_.pop_back();
    ahead_.push_front(make(Token::EOF, "<EOF>", at));
    return emit(make(NetLexer::CLOSE, "}", at));
  }
  finished_ = true;
  return emit(make(Token::EOF, "<EOF>", at));
}

/// What comes of a separator: it, what follows where it is not wanted, or the end of a chunk.
TokenFilter::TokenPtr TokenFilter::separate(TokenPtr separator) {
  bool newline = is_newline(*separator);
  TokenPtr next = raw();
  while (next->getType() == NetLexer::SEP) {
    newline = newline && is_newline(*next);
    next = raw();
  }
  const size_t type = next->getType();
  const bool continues = newline && (type == NetLexer::OPEN || (type == NetLexer::ELSE && last_ == NetLexer::CLOSE));
  const bool wanted = last_ != kStart && last_ != NetLexer::SEP && last_ != NetLexer::OPEN && last_ != Token::EOF && type != NetLexer::CLOSE &&
                      type != Token::EOF && !continues;
  ahead_.push_front(std::move(next));
  if (!wanted) return nullptr;
  parentheses_ = 0;
  ++tokens_;
  if (open_.empty() && ++statements_ >= kStatementsPerChunk) {
    statements_ = 0;
    return emit(make(Token::EOF, "<EOF>", *separator));
  }
  return emit(std::move(separator));
}

std::unique_ptr<Token> TokenFilter::nextToken() {
  while (true) {
    TokenPtr token = raw();
    const size_t type = token->getType();
    if (type == Token::EOF) return end(*token);
    if (type == NetLexer::SEP) {
      TokenPtr kept = separate(std::move(token));
      if (kept) return kept;
      continue;
    }
    if (type == NetLexer::CLOSE && open_.empty()) {
      diagnostics_.error("N0107", location(*token, source_), "this `}` closes nothing").help = "remove it, or add the missing `{`";
      balanced_ = false;
      continue;
    }
    if (++tokens_ > kMostTokens) {
      diagnostics_.error("N0505", location(*token, source_), fmt::format("the file has more than {} words and signs", kMostTokens)).help =
          "write repeats as `n * block`, or split the file with `use`";
    } else if (nest(*token)) {
      return emit(std::move(token));
    }
    balanced_ = false;  // what follows is not read
    open_.clear();
    ahead_.clear();
    finished_ = true;
    return emit(make(Token::EOF, "<EOF>", *token));
  }
}

}  // namespace netc::syntax
