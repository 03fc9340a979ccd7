#include "syntax/parse.h"

#include <algorithm>

#include "syntax/parse_build.h"

namespace netc {
namespace {

using antlr4::Token;
using netgrammar::NetLexer;
using netgrammar::NetParser;

/// What a message calls a kind of token; empty for those that are never listed.
std::string token_name(const antlr4::dfa::Vocabulary& vocabulary, size_t type) {
  switch (type) {
    case Token::EOF:
    case NetParser::SEP: return "the end of the statement";
    case NetParser::NAME: return "a name";
    case NetParser::STRING: return "a string";
    case NetParser::INT:
    case NetParser::REAL: return "a number";
    case NetParser::SCALED:
    case NetParser::SHAPE: return "";
    default: {
      const std::string literal = vocabulary.getLiteralName(type);
      return literal.size() > 2 && literal.front() == '\'' ? "`" + literal.substr(1, literal.size() - 2) + "`" : "";
    }
  }
}

/// Reports in netc's words, and after a mistake goes on behind the statement it is in.
class Recovery final : public antlr4::DefaultErrorStrategy {
 public:
  Recovery(int32_t source, Diagnostics& diagnostics) : source_(source), diagnostics_(diagnostics) {}

  void reportError(antlr4::Parser* parser, const antlr4::RecognitionException& e) override {
    if (inErrorRecoveryMode(parser)) return;
    beginErrorCondition(parser);
    report(parser, *e.getOffendingToken(), parser->getATN().nextTokens(parser->getATN().states[state_of(parser, e)], parser->getContext()));
  }

  void recover(antlr4::Parser* parser, std::exception_ptr) override { skip(parser); }

  Token* recoverInline(antlr4::Parser* parser) override { throw antlr4::InputMismatchException(parser); }

  /// Between statements: what stands there must be a statement or a separator, else the rest of the line is skipped.
  void sync(antlr4::Parser* parser) override {
    const size_t rule = parser->getContext()->getRuleIndex();
    if (rule != NetParser::RuleFile && rule != NetParser::RuleBlock) return;
    const antlr4::misc::IntervalSet next = parser->getATN().nextTokens(parser->getATN().states[parser->getState()]);
    if (next.contains(parser->getInputStream()->LA(1))) return;
    if (!inErrorRecoveryMode(parser)) {
      beginErrorCondition(parser);
      report(parser, *parser->getCurrentToken(), next);
      mark_last(parser);
    }
    skip(parser);
  }

 private:
  /// The statement that stands before the junk is not what was meant either.
  static void mark_last(antlr4::Parser* parser) {
    const auto& children = parser->getContext()->children;
    auto* statement = children.empty() ? nullptr : dynamic_cast<NetParser::StatementContext*>(children.back());
    if (statement != nullptr) statement->exception = std::make_exception_ptr(antlr4::InputMismatchException(parser));
  }

  static size_t state_of(antlr4::Parser* parser, const antlr4::RecognitionException& e) {
    return e.getOffendingState() == antlr4::atn::ATNState::INVALID_STATE_NUMBER ? parser->getState() : e.getOffendingState();
  }

  /// To the separator or brace that ends the statement at hand; braces inside are skipped whole.
  static void skip(antlr4::Parser* parser) {
    for (size_t depth = 0;; parser->consume()) {
      const size_t type = parser->getInputStream()->LA(1);
      if (type == Token::EOF) return;
      if (depth == 0 && (type == NetParser::SEP || type == NetParser::CLOSE)) return;
      depth += type == NetParser::OPEN;
      depth -= type == NetParser::CLOSE;
    }
  }

  void report(antlr4::Parser* parser, const Token& token, const antlr4::misc::IntervalSet& next) {
    if (token.getType() == NetParser::OTHER) return;  // the token filter did
    Diagnostic& error =
        diagnostics_.error("N0101", syntax::location(token, source_), "expected " + expected(parser, next) + ", found " + syntax::found(token));
    const size_t type = token.getType();
    const size_t rule = parser->getContext()->getRuleIndex();
    if (type == NetParser::ASSIGN && (rule == NetParser::RuleBlock || rule == NetParser::RuleFile))
      error.help = "a constant is written `let NAME=value`";
    if (type == NetParser::SHAPE && next.contains(static_cast<size_t>(NetParser::NAME))) {
      error.help = "a word of this form is a kernel or a shape; a name needs another form";
    } else if (type < NetParser::SHAPE && next.contains(static_cast<size_t>(NetParser::NAME))) {
      error.help = "a word of the language cannot be a name";
    }
  }

  static std::string expected(antlr4::Parser* parser, const antlr4::misc::IntervalSet& next) {
    const auto has = [&next](size_t type) { return next.contains(type); };
    if (has(NetParser::SEP) || has(Token::EOF)) return has(NetParser::LET) ? "a statement" : "the end of the statement";
    if (has(NetParser::LET)) return "a statement";
    if (has(NetParser::REAL)) return "a value";
    if (has(NetParser::STAR) || parser->getContext()->getRuleIndex() == NetParser::RuleStatement) {
      if (has(NetParser::INT)) return "a layer or a block";
    }
    std::vector<std::string> names;
    for (const ssize_t type : next.toList()) {
      const std::string name = token_name(parser->getVocabulary(), static_cast<size_t>(type));
      if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    std::string out;
    for (size_t i = 0; i < names.size() && i < 4; ++i) out += (i == 0 ? "" : i + 1 == std::min<size_t>(names.size(), 4) ? " or " : ", ") + names[i];
    return out.empty() ? "something else" : out;
  }

  int32_t source_;
  Diagnostics& diagnostics_;
};

}  // namespace

ast::File parse(const Sources& sources, int32_t source, Diagnostics& diagnostics) {
  const std::string& text = sources.files[static_cast<size_t>(source)].text;
  antlr4::ANTLRInputStream input(text);
  NetLexer lexer(&input);
  lexer.removeErrorListeners();
  syntax::TokenFilter filter(lexer, source, diagnostics);
  syntax::Builder builder(text, source, diagnostics);
  ast::File file;
  file.source = source;
  const int before = diagnostics.errors();
  do {
    antlr4::CommonTokenStream tokens(&filter);
    NetParser parser(&tokens);
    parser.removeErrorListeners();
    parser.setErrorHandler(std::make_shared<Recovery>(source, diagnostics));
    parser.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(antlr4::atn::PredictionMode::SLL);
    builder.statements(parser.file()->statement(), file.statements);
  } while (filter.more() && diagnostics.errors() - before < static_cast<int>(kMostSyntaxErrors));
  file.whole = filter.balanced();
  if (file.statements.empty() && diagnostics.errors() == before)
    diagnostics.error("N0106", {source, 0, 0, 0}, "the file is empty").help = "a network begins with its input: input 28x28x1";
  return file;
}

}  // namespace netc
