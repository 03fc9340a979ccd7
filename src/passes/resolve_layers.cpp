// Verbs: calls of defs, layers with their branches, and labels brought back.
#include <fmt/format.h>

#include "diag/render.h"
#include "ops/table.h"
#include "passes/resolve_state.h"
#include "passes/suggest.h"
#include "syntax/parse.h"

namespace netc {

namespace resolving {
namespace {

/// Says where the def that a new error stands in was called, if the error says nothing else.
void explain_call(Resolver& r, const Frame& frame, size_t first) {
  if (frame.def == nullptr) return;
  r.diagnostics.explain_since(first, {fmt::format("in `{}`, called", frame.def->name.text), frame.call});
}

void unknown_verb(Resolver& r, const ast::Layer& layer, Frame& frame) {
  Suggestion suggestion(layer.verb.text);
  for (const OpDef* op : op_table()) {
    if (op->is_loss) continue;
    suggestion.consider(op->name);
    for (const std::string_view alias : op->aliases) suggestion.consider(alias);
  }
  for (const auto& [name, definition] : r.definitions) suggestion.consider(name);
  for (const Frame* each : {&frame, &r.top})
    for (const auto& [name, label] : each->labels) suggestion.consider(name);
  if (r.file_missing && !suggestion.found()) return;  // it may be in the file that could not be read
  r.diagnostics.error("N0201", layer.verb.where, fmt::format("unknown layer `{}`", layer.verb.text)).help =
      suggestion.text("layers are listed in docs/ops.md; a block of your own is made with `def`");
}

Label* find_label(Resolver& r, Frame& frame, std::string_view name) {
  for (Frame* each : {&frame, &r.top}) {
    const auto at = each->labels.find(name);
    if (at != each->labels.end()) return &at->second;
  }
  return nullptr;
}

bool is_recursive(Resolver& r, const ast::Def& def, const Frame& frame, Location where) {
  std::string path;
  for (const Frame* each = &frame; each != nullptr && each->def != nullptr; each = each->caller) {
    path = "`" + each->def->name.text + "` -> " + path;
    if (each->def != &def) continue;
    r.diagnostics.error("N0207", where, fmt::format("`{}` calls itself: {}`{}`", def.name.text, path, def.name.text)).help =
        "repeat a block with `n * block`";
    r.stopped = true;
    return true;
  }
  return false;
}

/// `tie LABEL`: the layer whose weight this one shares. False after a diagnostic.
bool find_tied(Resolver& r, const OpDef& op, const Args& args, Frame& frame, LayerId& tied) {
  for (const ArgSpec& spec : op.args.value) {
    const ArgValue* name = spec.kind == ArgKind::label ? args.find(spec.name) : nullptr;
    if (name == nullptr) continue;
    Label* label = find_label(r, frame, name->text);
    if (label == nullptr) {
      Suggestion suggestion(name->text);
      for (const Frame* each : {static_cast<const Frame*>(&frame), static_cast<const Frame*>(&r.top)})
        for (const auto& [known, value] : each->labels) suggestion.consider(known);
      r.diagnostics.error("N0202", name->where, fmt::format("no layer before this one is labelled `{}`", name->text)).help =
          suggestion.text("label the layer whose weight is shared: NAME: layer");
      return false;
    }
    label->used = true;
    tied = label->layer;
    if (tied.valid() || !label->value.valid()) return tied.valid();
    r.diagnostics.error("N0311", name->where, fmt::format("`{}` is the input, which has no weight", name->text)).notes.push_back({"labelled", label->where});
    return false;
  }
  return true;
}

/// "conv3" for the third conv of a frame; "relu6_1" where the word ends in a digit itself.
std::string numbered(const std::string& word, Frame& frame) {
  const bool digit = word.back() >= '0' && word.back() <= '9';
  return fmt::format("{}{}{}", word, digit ? "_" : "", ++frame.counters[word]);
}

/// Binds the arguments of a call to the def's parameters in `inner`. False after a diagnostic.
bool bind_arguments(Resolver& r, const ast::Layer& layer, const ast::Def& def, const Surroundings& outside, Scope& inner) {
  size_t next = 0;
  bool ok = true;
  const auto fail = [&](std::string_view code, Location where, const std::string& message) {
    std::string form = def.name.text;
    for (const ast::Binding& p : def.parameters) form += p.value ? " [" + p.name.text + "]" : " " + p.name.text;
    Diagnostic& error = r.diagnostics.error(code, where, message);
    error.help = "write `" + form + "`";
    error.notes.push_back({fmt::format("`{}` is defined", def.name.text), def.name.where});
    ok = false;
  };
  for (const ast::Item& item : layer.items) {
    const ast::Binding* parameter = nullptr;
    if (item.kind == ast::Item::Kind::assign) {
      for (const ast::Binding& p : def.parameters)
        if (p.name.text == item.text) parameter = &p;
      if (parameter == nullptr || item.values.size() != 1) {
        fail("N0203", item.where, fmt::format("`{}` has no single parameter `{}`", def.name.text, item.text));
        continue;
      }
    } else if (item.kind != ast::Item::Kind::expr || next >= def.parameters.size()) {
      fail("N0205", item.where,
           item.kind == ast::Item::Kind::expr ? fmt::format("`{}` takes no further argument", def.name.text)
                                              : fmt::format("`{}` takes numbers only", def.name.text));
      continue;
    } else {
      parameter = &def.parameters[next++];
    }
    const Number value = evaluate(item.values[0], outside);
    if (!inner.names.try_emplace(parameter->name.text, value).second)
      fail("N0209", item.where, fmt::format("`{}` is given twice", parameter->name.text));
  }
  const Surroundings inside{inner, outside.current, outside.no_tensor, outside.diagnostics};
  for (const ast::Binding& p : def.parameters) {
    if (inner.names.contains(p.name.text)) continue;
    if (p.value)
      inner.names.try_emplace(p.name.text, evaluate(*p.value, inside));
    else if (ok)
      fail("N0204", layer.verb.where, fmt::format("`{}` lacks its argument `{}`", def.name.text, p.name.text));
  }
  return ok;
}

void call(Resolver& r, const ast::Layer& layer, Definition& definition, Frame& frame, const Scope& scope, Current& current) {
  const ast::Def& def = *definition.def;
  definition.called = true;
  if (!layer.branches.empty()) {
    r.diagnostics.error("N0213", layer.branches[0].where, fmt::format("`{}` takes no branches", def.name.text)).help =
        "end the statement before the brace";
    return;
  }
  if (is_recursive(r, def, frame, layer.verb.where)) return;
  Scope inner{&r.globals, {}};
  if (!bind_arguments(r, layer, def, surroundings(r, scope, current), inner)) {
    current.value = {};
    return;
  }
  Frame called;
  called.caller = &frame;
  called.def = &def;
  called.call = layer.verb.where;
  called.prefix = fmt::format("{}{}.", frame.prefix, numbered(def.name.text, frame));
  const size_t first = r.diagnostics.all().size();
  const size_t depth = r.depth;
  run_block(r, def.body, called, inner, current);
  r.depth = depth;
  explain_call(r, called, first);
  for (const auto& [name, label] : called.labels)
    if (!label.used) r.diagnostics.warning("N0702", label.where, fmt::format("the label `{}` is never used", name)).help = "remove it";
}

/// What a branch leaves.
struct Branch {
  Current current;
  size_t first_layer;
};

/// Where a branch's shape comes from; empty where the statement's own line shows it.
std::string branch_origin(const Resolver& r, const Branch& branch, ValueId before, Location where) {
  const ValueId value = branch.current.value;
  if (value == before) return "the block's input, from " + origin(r, value);
  const LayerId layer = r.graph[value].layer;
  const bool shown = layer.valid() && layer.at() >= branch.first_layer && r.graph[layer].where.line == where.line && r.graph[layer].where.file == where.file;
  return shown ? "" : origin(r, value);
}

Branch run_branch(Resolver& r, const ast::Block& block, Frame& frame, const Scope& scope, const Current& current) {
  Branch branch{current, r.graph.layers.size()};
  branch.current.in_branch = true;
  branch.current.absent = false;
  run_block(r, block, frame, scope, branch.current);
  if (branch.current.absent && (r.graph.layers.size() != branch.first_layer || branch.current.value != current.value)) {
    r.diagnostics.error("N0211", block.where, "`none` stands beside layers in a branch").help = "a branch is either absent, { none }, or has layers";
  }
  return branch;
}

void check_branch_count(Resolver& r, const OpDef& op, const ast::Layer& layer) {
  const auto [least, most] = op.branches.value;
  const auto count = static_cast<int>(layer.branches.size());
  if (count >= least && count <= most) return;
  Diagnostic& error = r.diagnostics.error("N0213", layer.verb.where,
                                          most == 0 ? fmt::format("`{}` takes no branches", layer.verb.text)
                                                    : fmt::format("`{}` takes {} to {} branches, not {}", layer.verb.text, least, most, count));
  error.help =
      most == 0 ? "end the statement before the brace" : fmt::format("write `{} {{ ... }} {{ ... }}`; `{{}}` is the current tensor", layer.verb.text);
}

std::string name_of(Resolver& r, const ast::Layer& layer, const ast::Name* label, Frame& frame) {
  if (label != nullptr) return unique_name(r, frame.prefix + label->text);
  return unique_name(r, frame.prefix + numbered(layer.verb.text, frame));
}

void run_branches(Resolver& r, const OpDef& op, const ast::Layer& layer, const ast::Name* label, Frame& frame, const Scope& scope, Current& current) {
  Matched matched = match_arguments(layer, layer.verb.text, op.args.value, surroundings(r, scope, current));
  std::vector<ValueId> inputs;
  std::vector<Branch> branches;
  bool known = matched.complete && static_cast<int>(layer.branches.size()) <= op.branches.value.second;
  for (const ast::Block& block : layer.branches) {
    const Branch branch = run_branch(r, block, frame, scope, current);
    if (branch.current.absent) continue;
    known = known && branch.current.value.valid();
    inputs.push_back(branch.current.value);
    branches.push_back(branch);
  }
  if (inputs.empty()) {
    if (!layer.branches.empty())
      r.diagnostics.error("N0213", layer.verb.where, fmt::format("every branch of `{}` is absent", layer.verb.text)).help =
          "leave one branch without `none`";
    current.value = {};
    return;
  }
  if (!known || inputs.size() == 1) {  // one branch left is just that branch
    current.value = known ? inputs[0] : ValueId{};
    return;
  }
  const size_t first = r.diagnostics.all().size();
  const auto origin_of = [&](size_t i) { return branch_origin(r, branches[i], current.value, layer.verb.where); };
  const LayerId id =
      add_layer(r, op, layer.verb.text, std::move(matched), layer.verb.where, std::move(inputs), origin_of, name_of(r, layer, label, frame));
  explain_call(r, frame, first);
  current.value = id.valid() ? r.graph[id].output : ValueId{};
}

void run_op(Resolver& r, const OpDef& op, const ast::Layer& layer, const ast::Name* label, Frame& frame, const Scope& scope, Current& current) {
  check_branch_count(r, op, layer);
  if (!r.input_where.valid()) {
    if (!std::exchange(r.unknown, true))  // said once
      r.diagnostics.error("N0401", layer.verb.where, fmt::format("`{}` before `input`: there is no tensor to work on", layer.verb.text)).help =
          "begin the network with its input: input 28x28x1";
    return;
  }
  if (r.loss != nullptr) {
    r.diagnostics.error("N0405", layer.verb.where, fmt::format("`{}` stands behind `loss`, which ends the network", layer.verb.text)).help =
        "move `loss` behind the last layer";
    return;
  }
  if (op.branches.value.second > 0) return run_branches(r, op, layer, label, frame, scope, current);
  Matched matched = match_arguments(layer, layer.verb.text, op.args.value, surroundings(r, scope, current));
  if (!matched.complete || !current.value.valid()) {
    current.value = {};
    return;
  }
  LayerId tied;
  const bool known = find_tied(r, op, matched.args, frame, tied);
  const LayerId id = add_layer(r, op, layer.verb.text, std::move(matched), layer.verb.where, {current.value},
                               [&](size_t) { return origin(r, current.value); }, name_of(r, layer, label, frame));
  if (id.valid()) r.graph[id].tied = tied;
  current.value = id.valid() && known ? r.graph[id].output : ValueId{};
}

}  // namespace

std::string unique_name(Resolver& r, std::string wanted) {
  if (r.layer_names.insert(wanted).second) return wanted;
  for (int i = 2;; ++i) {
    std::string next = fmt::format("{}_{}", wanted, i);
    if (r.layer_names.insert(next).second) return next;
  }
}

std::string origin(const Resolver& r, ValueId value) {
  const LayerId layer = r.graph[value].layer;
  if (!layer.valid()) return fmt::format("`input {}` at {}", shape_text(r.graph[value].type.shape), place(r.input_where, r.sources));
  return fmt::format("`{}` at {}", r.graph[layer].source, place(r.graph[layer].where, r.sources));
}

LayerId add_layer(Resolver& r, const OpDef& op, std::string_view verb, Matched matched, Location where, std::vector<ValueId> inputs,
                  const Origin& origin_of, std::string name) {
  if (static_cast<int64_t>(r.graph.layers.size()) >= kMostLayers) {
    r.diagnostics.error("N0503", where, fmt::format("the network expands to more than {} layers", kMostLayers)).help =
        "look at the repeats around this one";
    r.stopped = true;
    return {};
  }
  std::vector<Shape> shapes;
  for (const ValueId input : inputs) shapes.push_back(r.graph[input].type.shape);
  const bool ids = r.graph[inputs[0]].type.dtype == DType::i32;
  if (ids != op.takes_ids) {
    r.diagnostics.error("N0307", where, fmt::format("`{}` wants {}", verb, ids ? "numbers, its input is token ids" : "token ids, its input is numbers"))
        .help = ids ? fmt::format("turn the ids into vectors first: embed {} 64", r.graph.vocabulary) : "token ids come from an input like: input 1024 tokens 50257";
    return {};
  }
  std::optional<Shape> output = op.infer.value({matched.args, shapes, verb, where, r.diagnostics, origin_of, ids ? r.graph.vocabulary : 0});
  if (!output) return {};
  if (!(elements(*output) * Size(8)).ok()) {
    r.diagnostics.error("N0309", where, fmt::format("`{}` is too large: {} values of its output do not fit in 63 bits", name, shape_text(*output)));
    return {};
  }
  Layer layer;
  layer.name = std::move(name);
  layer.op = &op;
  layer.args = std::move(matched.args);
  layer.where = where;
  layer.source = std::move(matched.source);
  layer.inputs = std::move(inputs);
  layer.shape = *output;
  Value value;
  value.name = layer.name;
  value.type = {DType::f32, std::move(*output), true};
  value.layer = LayerId{static_cast<int32_t>(r.graph.layers.size())};
  for (const ValueId input : layer.inputs) ++r.readers[input.at()];
  layer.output = r.graph.add(std::move(value));
  r.readers.resize(r.graph.values.size());
  return r.graph.add(std::move(layer));
}

void run_layer(Resolver& r, const ast::Layer& layer, const ast::Name* label, Frame& frame, const Scope& scope, Current& current) {
  const auto definition = r.definitions.find(layer.verb.text);
  const size_t first = r.diagnostics.all().size();
  if (definition != r.definitions.end()) {
    call(r, layer, definition->second, frame, scope, current);
  } else if (const OpDef* op = r.op(layer.verb.text)) {
    run_op(r, *op, layer, label, frame, scope, current);
  } else if (Label* target = find_label(r, frame, layer.verb.text)) {
    target->used = true;
    if (!layer.items.empty() || !layer.branches.empty()) {
      const Location at = layer.items.empty() ? layer.branches[0].where : layer.items[0].where;
      r.diagnostics.error("N0205", at, fmt::format("`{}` is a label, it takes nothing", layer.verb.text))
          .notes.push_back({"labelled", target->where});
    }
    current.value = target->value;
  } else {
    unknown_verb(r, layer, frame);
    for (const ast::Block& block : layer.branches) run_branch(r, block, frame, scope, current);
    current.value = {};
  }
  explain_call(r, frame, first);
}

}  // namespace resolving

const OpDef* resolving::Resolver::op(std::string_view name) {
  const auto [at, fresh] = ops.try_emplace(name, nullptr);
  if (fresh) at->second = find_op(name);
  return at->second;
}

}  // namespace netc
