#include "syntax/parse_build.h"

#include <algorithm>

namespace netc::syntax {

using netgrammar::NetParser;

Builder::Builder(const std::string& text, int32_t source, Diagnostics& diagnostics) : text_(text), source_(source), diagnostics_(diagnostics) {
  ascii_ = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string Builder::text_of(const antlr4::Token& token) const {
  const size_t start = token.getStartIndex(), stop = token.getStopIndex();
  if (ascii_ && stop >= start && stop < text_.size()) return text_.substr(start, stop - start + 1);
  return token.getText();
}

bool Builder::ok(const antlr4::ParserRuleContext* context) {
  if (context != nullptr && context->exception == nullptr) return true;
  broken_ = true;
  return false;
}

ast::Name Builder::name(antlr4::tree::TerminalNode* node) {
  if (node == nullptr || dynamic_cast<antlr4::tree::ErrorNode*>(node) != nullptr) {
    broken_ = true;
    return {};
  }
  return {text_of(*node->getSymbol()), where(*node->getSymbol())};
}

/// The contents of a string: `\"` and `\\` stand for the second character.
ast::Name Builder::string(antlr4::tree::TerminalNode* node) {
  if (node == nullptr) {
    broken_ = true;
    return {};
  }
  const std::string quoted = node->getSymbol()->getText();
  ast::Name out{"", where(*node->getSymbol())};
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '\\' && i + 2 < quoted.size()) ++i;
    out.text += quoted[i];
  }
  return out;
}

void Builder::statements(const std::vector<NetParser::StatementContext*>& contexts, std::vector<ast::Statement>& into) {
  for (NetParser::StatementContext* context : contexts) into.push_back(statement(context));
}

ast::Block Builder::block(NetParser::BlockContext* context) {
  ast::Block out;
  if (!ok(context)) return out;
  out.where = where(*context->start);
  statements(context->statement(), out.statements);
  return out;
}

std::vector<ast::Item> Builder::items(const std::vector<NetParser::ItemContext*>& contexts) {
  std::vector<ast::Item> out;
  out.reserve(contexts.size());
  for (NetParser::ItemContext* context : contexts) out.push_back(item(context));
  return out;
}

ast::Layer Builder::layer(NetParser::LayerContext* context) {
  ast::Layer out;
  if (!ok(context)) return out;
  out.verb = name(context->NAME());
  out.items = items(context->item());
  for (NetParser::BlockContext* branch : context->block()) out.branches.push_back(block(branch));
  return out;
}

ast::Action Builder::action(NetParser::ActionStatementContext* context) {
  ast::Action out;
  if (context->NAME() != nullptr) out.label = name(context->NAME());
  for (NetParser::CountContext* n : context->count()) out.counts.push_back(count(n));
  if (context->block() != nullptr)
    out.block = block(context->block());
  else
    out.layer = layer(context->layer());
  return out;
}

ast::Let Builder::let_statement(NetParser::LetStatementContext* context) {
  ast::Let out;
  for (NetParser::BindingContext* binding : context->binding()) {
    ast::Name bound = name(binding->NAME());
    if (bound.text.empty()) continue;
    out.bindings.push_back({std::move(bound), ok(binding) ? expr(binding->expr()) : ast::Expr{}});
  }
  return out;
}

ast::Def Builder::def_statement(NetParser::DefStatementContext* context) {
  ast::Def out;
  out.name = name(context->NAME());
  for (NetParser::ParameterContext* parameter : context->parameter()) {
    out.parameters.push_back({name(parameter->NAME()), std::nullopt});
    if (parameter->ASSIGN() != nullptr) out.parameters.back().value = ok(parameter) ? expr(parameter->expr()) : ast::Expr{};
  }
  out.body = block(context->block());
  return out;
}

ast::For Builder::for_statement(NetParser::ForStatementContext* context) {
  ast::For out;
  for (antlr4::tree::TerminalNode* node : context->NAME()) out.names.push_back(name(node));
  for (NetParser::RowContext* row : context->row()) {
    if (!ok(row)) continue;
    out.rows.push_back({where(*row->start), {}});
    for (NetParser::ExprContext* value : row->expr()) out.rows.back().values.push_back(expr(value));
  }
  out.body = block(context->block());
  return out;
}

ast::If Builder::if_statement(NetParser::IfStatementContext* context) {
  ast::If out;
  const auto conditions = context->expr();
  const auto blocks = context->block();
  for (size_t i = 0; i < conditions.size() && i < blocks.size(); ++i) out.arms.push_back({expr(conditions[i]), block(blocks[i])});
  if (blocks.size() > conditions.size()) out.otherwise = block(blocks.back());
  return out;
}

ast::Input Builder::input_statement(NetParser::InputStatementContext* context) {
  ast::Input out;
  out.items = items(context->item());
  NetParser::SourceContext* source = context->source();
  if (source == nullptr || !ok(source)) return out;
  out.reader = name(source->NAME());
  if (source->STRING() != nullptr) out.path = string(source->STRING());
  if (source->block() != nullptr) out.augmentation = block(source->block());
  return out;
}

void Builder::fill(ast::Statement& into, NetParser::StatementContext* context) {
  if (auto* action_context = dynamic_cast<NetParser::ActionStatementContext*>(context)) {
    into.body = action(action_context);
  } else if (auto* net = dynamic_cast<NetParser::NetStatementContext*>(context)) {
    into.body = ast::Net{name(net->NAME())};
  } else if (auto* use = dynamic_cast<NetParser::UseStatementContext*>(context)) {
    into.body = ast::Use{string(use->STRING()).text};
  } else if (auto* let = dynamic_cast<NetParser::LetStatementContext*>(context)) {
    into.body = let_statement(let);
  } else if (auto* def = dynamic_cast<NetParser::DefStatementContext*>(context)) {
    into.body = def_statement(def);
  } else if (auto* loop = dynamic_cast<NetParser::ForStatementContext*>(context)) {
    into.body = for_statement(loop);
  } else if (auto* branch = dynamic_cast<NetParser::IfStatementContext*>(context)) {
    into.body = if_statement(branch);
  } else if (auto* input = dynamic_cast<NetParser::InputStatementContext*>(context)) {
    into.body = input_statement(input);
  } else if (auto* setting = dynamic_cast<NetParser::SettingStatementContext*>(context)) {
    into.body = ast::Setting{{{text_of(*setting->keyword), where(*setting->keyword)}, items(setting->item()), {}}};
  } else if (auto* train = dynamic_cast<NetParser::TrainStatementContext*>(context)) {
    into.body = ast::Train{block(train->block())};
  } else if (dynamic_cast<NetParser::NoneStatementContext*>(context) != nullptr) {
    into.body = ast::None{};
  } else {
    broken_ = true;
  }
}

ast::Statement Builder::statement(NetParser::StatementContext* context) {
  const bool outer = std::exchange(broken_, false);
  ast::Statement out;
  if (context->start != nullptr) out.where = where(*context->start);
  fill(out, context);
  ok(context);
  const bool keeps_names =
      std::holds_alternative<ast::Let>(out.body) || (std::holds_alternative<ast::Def>(out.body) && !std::get<ast::Def>(out.body).name.text.empty());
  if (broken_ && !keeps_names) {
    auto* labelled = std::get_if<ast::Action>(&out.body);
    ast::Broken hole;
    if (labelled != nullptr && labelled->label && !labelled->label->text.empty()) hole.label = std::move(labelled->label);
    out.body = std::move(hole);
  }
  if (broken_ && keeps_names && std::holds_alternative<ast::Def>(out.body)) {
    ast::Statement hole;  // its layers are unknown
    hole.where = out.where;
    std::get<ast::Def>(out.body).body.statements.push_back(std::move(hole));
  }
  broken_ = outer;
  return out;
}

}  // namespace netc::syntax
