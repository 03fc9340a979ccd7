#include "passes/resolve.h"

#include <fmt/format.h>

#include <variant>

#include "passes/resolve_state.h"
#include "passes/suggest.h"

namespace netc {
namespace resolving {
namespace {

/// `--set` of a name that no `let` of the top level has.
void check_sets(Resolver& r) {
  for (const auto& [name, value] : r.options.sets) {
    if (r.sets_used.contains(name)) continue;
    Suggestion suggestion(name);
    for (const auto& [known, number] : r.globals.names) suggestion.consider(known);
    r.diagnostics.error("N0409", {}, fmt::format("--set {}: the file has no `let {}=...` at its top level", name, name)).help = suggestion.text();
  }
}

void check_input(Resolver& r, const ast::File& file) {
  if (r.input_where.valid() || r.unknown) return;
  r.diagnostics.error("N0401", {file.source, 0, 0, 0}, "the network has no `input`").help = "begin it with the size of one image: input 28x28x1";
}

void check_loss(Resolver& r, const ast::File& file) {
  if (!r.options.needs_loss || r.loss != nullptr || r.unknown) return;
  r.diagnostics.error("N0406", {file.source, 0, 0, 0}, "the network has no `loss`, so it cannot be trained").help = "end it with `loss softmax`";
}

/// Sizes in bytes of everything, at the batch of the file.
void check_bytes(Resolver& r) {
  for (const Value& value : r.graph.values) {
    if (type_bytes(value.type, r.graph.train.batch).ok()) continue;
    const Location where = value.layer.valid() ? r.graph[value.layer].where : r.input_where;
    r.diagnostics.error(
        "N0309", where,
        fmt::format("`{}` is too large: {} at batch {} does not fit in 63 bits", value.name, shape_text(value.type.shape), r.graph.train.batch));
  }
}

void warn_unused(Resolver& r, const ast::File& file) {
  for (const auto& [name, label] : r.top.labels)
    if (!label.used) r.diagnostics.warning("N0702", label.where, fmt::format("the label `{}` is never used", name)).help = "remove it";
  for (const auto& [name, definition] : r.definitions)
    if (!definition.called && definition.def->name.where.file == file.source)
      r.diagnostics.warning("N0703", definition.def->name.where, fmt::format("`{}` is defined and never called", name)).help = "remove it";
  for (const Layer& layer : r.graph.layers) {
    if (layer.op->is_loss || layer.output == r.graph.output || r.readers[layer.output.at()] > 0) continue;
    r.diagnostics.warning("N0704", layer.where, fmt::format("nothing reads the output of `{}`", layer.source)).help =
        "remove the layer, or label its output and use it";
  }
}

/// The sizes of `input` as they are written; the vocabulary of tokens is the last.
std::vector<const ast::Expr*> input_sizes(const ast::File& file) {
  std::vector<const ast::Expr*> sizes;
  for (const ast::Statement& statement : file.statements)
    if (const auto* input = std::get_if<ast::Input>(&statement.body); input != nullptr && sizes.empty())
      for (const ast::Item& item : input->items)
        for (const ast::Expr& value : item.values) sizes.push_back(&value);
  return sizes;
}

/// ResolveOptions::input as values of the constants that the file names there. A constant that is also the channels or the vocabulary stays.
ResolveOptions with_input_constants(ResolveOptions options, const ast::File& file) {
  if (options.input.empty()) return options;
  const std::vector<const ast::Expr*> sizes = input_sizes(file);
  const size_t most = options.input.size() == 3 ? 2 : 1;
  const auto named = [&](size_t i, const std::string& name) { return sizes[i]->kind == ast::Expr::Kind::name && sizes[i]->text == name; };
  for (const ast::Statement& statement : file.statements) {
    const auto* let = std::get_if<ast::Let>(&statement.body);
    if (let == nullptr) continue;
    for (const ast::Binding& binding : let->bindings) {
      size_t last = sizes.size();
      for (size_t i = 0; i < sizes.size(); ++i)
        if (named(i, binding.name.text)) last = i;
      if (last < most) options.sets[binding.name.text] = static_cast<double>(options.input[last]);
    }
  }
  return options;
}

}  // namespace
}  // namespace resolving

std::optional<Graph> resolve(const ast::File& file, const ResolveOptions& options, Sources& sources, Diagnostics& diagnostics) {
  using namespace resolving;
  if (!file.whole) return std::nullopt;  // what belongs to what is a guess
  const ResolveOptions wanted = with_input_constants(options, file);
  Resolver r{.options = wanted, .sources = sources, .diagnostics = diagnostics};
  std::vector<int32_t> chain{file.source};
  collect(r, file, chain);
  Current current;
  run_statements(r, file.statements, r.top, r.globals, current);
  check_sets(r);
  check_input(r, file);
  check_loss(r, file);
  check_recompute(r);
  if (diagnostics.has_errors()) return std::nullopt;
  if (!r.graph.loss.valid()) r.graph.output = current.value;
  complete_train(r);
  make_parameters(r);
  check_bytes(r);
  if (diagnostics.has_errors()) return std::nullopt;
  warn_unused(r, file);
  return std::move(r.graph);
}

}  // namespace netc
