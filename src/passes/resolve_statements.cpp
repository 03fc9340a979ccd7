// Walks statements with a current tensor: loops, conditions, repeats, labels.
#include <fmt/format.h>

#include "passes/resolve_state.h"
#include "syntax/parse.h"

namespace netc::resolving {
namespace {

constexpr int64_t kMostSteps = 10 * kMostLayers;

void repeat(Resolver& r, const ast::Action& action, size_t count, Frame& frame, const Scope& scope, Current& current);

void run_once(Resolver& r, const ast::Action& action, Frame& frame, const Scope& scope, Current& current) {
  if (action.block) return run_block(r, *action.block, frame, scope, current);
  run_layer(r, action.layer, action.counts.empty() && action.label ? &*action.label : nullptr, frame, scope, current);
}

/// Runs what follows the counts from number `count` on, as often as they say.
void repeat(Resolver& r, const ast::Action& action, size_t count, Frame& frame, const Scope& scope, Current& current) {
  if (count == action.counts.size()) return run_once(r, action, frame, scope, current);
  const ast::Expr& expr = action.counts[count];
  const Number value = evaluate(expr, surroundings(r, scope, current));
  const auto times = whole_number(value, expr.where, "a repeat", r.diagnostics);
  if (!times) {  // once, to see what else is wrong
    current.value = {};
    run_once(r, action, frame, scope, current);
    current.value = {};
    return;
  }
  if (*times < 0) {
    r.diagnostics.error("N0216", expr.where, fmt::format("a block cannot be repeated {} times", *times)).help = "0 leaves it out";
    return;
  }
  for (int64_t i = 0; i < *times && step(r, expr.where); ++i) {
    if (count + 1 == action.counts.size())
      run_once(r, action, frame, scope, current);
    else
      repeat(r, action, count + 1, frame, scope, current);
  }
}

/// Labels what the layers from number `first` on have left.
void set_label(Resolver& r, const ast::Name& name, Frame& frame, const Current& current, int first) {
  if (r.op(name.text) != nullptr || r.definitions.contains(name.text)) {
    r.diagnostics
        .error("N0210", name.where, fmt::format("the label `{}` has the name of a {}", name.text, r.op(name.text) != nullptr ? "layer" : "def"))
        .help = "give it another name, so that `" + name.text + "` keeps its meaning";
    return;
  }
  Label label{current.value, current.value.valid() ? r.graph[current.value].layer : LayerId{}, name.where};
  label.layers.push_back({first, static_cast<int>(r.graph.layers.size()) - first, current.value});
  const auto [at, fresh] = frame.labels.try_emplace(name.text, label);
  if (fresh) return;
  if (at->second.where.line != name.where.line || at->second.where.column != name.where.column || at->second.where.file != name.where.file) {
    r.diagnostics.error("N0206", name.where, fmt::format("the label `{}` is defined twice", name.text))
        .notes.push_back({"first defined", at->second.where});
    return;
  }
  label.used = at->second.used;  // a loop passes here again
  label.layers.insert(label.layers.begin(), at->second.layers.begin(), at->second.layers.end());
  at->second = label;
}

void run_action(Resolver& r, const ast::Action& action, Frame& frame, const Scope& scope, Current& current) {
  const int first = static_cast<int>(r.graph.layers.size());
  repeat(r, action, 0, frame, scope, current);
  if (action.label) set_label(r, *action.label, frame, current, first);
}

void run_for(Resolver& r, const ast::For& loop, Frame& frame, Scope& scope, Current& current) {
  for (const ast::Row& row : loop.rows) {
    if (row.values.size() != loop.names.size()) {
      r.diagnostics
          .error("N0212", row.where,
                 fmt::format("a row of {} value{} for {} name{}", row.values.size(), row.values.size() == 1 ? "" : "s", loop.names.size(),
                             loop.names.size() == 1 ? "" : "s"))
          .help = "give every name of the loop a value in every row";
      r.unknown = true;
      continue;
    }
    if (!step(r, row.where)) return;
    Scope inner{&scope, {}};
    for (size_t i = 0; i < row.values.size(); ++i) {
      const bool fresh = inner.names.try_emplace(loop.names[i].text, evaluate(row.values[i], surroundings(r, scope, current))).second;
      if (!fresh) r.diagnostics.error("N0206", loop.names[i].where, fmt::format("the loop has two names `{}`", loop.names[i].text));
    }
    run_block(r, loop.body, frame, inner, current);
  }
}

void run_if(Resolver& r, const ast::If& choice, Frame& frame, Scope& scope, Current& current) {
  for (const ast::Arm& arm : choice.arms) {
    const Number condition = evaluate(arm.condition, surroundings(r, scope, current));
    if (!condition.known()) {  // look into it, but what comes of it is unknown
      current.value = {};
      Current unknown = current;
      return run_block(r, arm.body, frame, scope, unknown);
    }
    if (condition.truth()) return run_block(r, arm.body, frame, scope, current);
  }
  if (choice.otherwise) run_block(r, *choice.otherwise, frame, scope, current);
}

void run_none(Resolver& r, Location where, Current& current) {
  if (!current.in_branch) {
    r.diagnostics.error("N0211", where, "`none` stands outside a branch").help =
        "`none` alone in a branch of add, concat or mul means that it is absent";
    return;
  }
  current.absent = true;
}

/// Statements that only the file itself may have. True if `statement` is one of them.
bool run_top_level(Resolver& r, const ast::Statement& statement, Frame& frame, Scope& scope, Current& current) {
  const auto& body = statement.body;
  const bool top_only = std::holds_alternative<ast::Net>(body) || std::holds_alternative<ast::Use>(body) || std::holds_alternative<ast::Def>(body) ||
                        std::holds_alternative<ast::Input>(body) || std::holds_alternative<ast::Setting>(body) ||
                        std::holds_alternative<ast::Train>(body);
  if (!top_only) return false;
  if (&frame != &r.top || &scope != &r.globals) {
    r.diagnostics.error("N0109", statement.where, "this statement stands only at the top level of a file").help = "move it out of the braces";
    return true;
  }
  if (const auto* net = std::get_if<ast::Net>(&body)) {
    if (!r.graph.name.empty()) r.diagnostics.error("N0109", statement.where, "the network is named twice").help = "one `net` names the network";
    r.graph.name = net->name.text;
  }
  if (const auto* input = std::get_if<ast::Input>(&body)) run_input(r, statement, *input, current);
  if (const auto* setting = std::get_if<ast::Setting>(&body)) run_setting(r, *setting, current);
  if (const auto* train = std::get_if<ast::Train>(&body)) run_train(r, statement, *train);
  return true;
}

}  // namespace

Surroundings surroundings(Resolver& r, const Scope& scope, const Current& current) {
  const Shape* shape = current.value.valid() ? &r.graph[current.value].type.shape : nullptr;
  return {scope, shape, !r.input_where.valid() && !r.unknown, r.diagnostics};
}

bool step(Resolver& r, Location where) {
  if (r.stopped) return false;
  if (++r.steps <= kMostSteps && r.diagnostics.errors() < static_cast<int>(kMostSyntaxErrors)) return true;
  if (r.steps > kMostSteps)
    r.diagnostics.error("N0503", where, fmt::format("the network expands to more than {} statements", kMostSteps)).help =
        "look at the repeats around this one";
  return !(r.stopped = true);
}

void run_statement(Resolver& r, const ast::Statement& statement, Frame& frame, Scope& scope, Current& current) {
  if (!step(r, statement.where)) return;
  const auto& body = statement.body;
  if (const auto* action = std::get_if<ast::Action>(&body)) return run_action(r, *action, frame, scope, current);
  if (const auto* let = std::get_if<ast::Let>(&body)) return bind(r, *let, scope, current);
  if (const auto* loop = std::get_if<ast::For>(&body)) return run_for(r, *loop, frame, scope, current);
  if (const auto* choice = std::get_if<ast::If>(&body)) return run_if(r, *choice, frame, scope, current);
  if (std::holds_alternative<ast::None>(body)) return run_none(r, statement.where, current);
  if (run_top_level(r, statement, frame, scope, current)) return;
  current.value = {};  // a statement with a syntax error: what it leaves is unknown
  const auto& broken = std::get<ast::Broken>(body);
  if (broken.label) set_label(r, *broken.label, frame, current, static_cast<int>(r.graph.layers.size()));
}

void run_statements(Resolver& r, const std::vector<ast::Statement>& statements, Frame& frame, Scope& scope, Current& current) {
  for (const ast::Statement& statement : statements) run_statement(r, statement, frame, scope, current);
}

void run_block(Resolver& r, const ast::Block& block, Frame& frame, const Scope& scope, Current& current) {
  if (r.depth >= kDeepestNesting) {
    r.diagnostics.error("N0501", block.where, fmt::format("blocks and calls are nested deeper than {}", kDeepestNesting)).help =
        "repeat blocks side by side, not inside one another";
    r.stopped = true;
    return;
  }
  ++r.depth;
  Scope inner{&scope, {}};
  run_statements(r, block.statements, frame, inner, current);
  --r.depth;
}

}  // namespace netc::resolving
