// `def`, `let` and `use`: what is known by name.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "ops/table.h"
#include "passes/resolve_state.h"
#include "syntax/parse.h"

namespace netc::resolving {
namespace {

void define(Resolver& r, const ast::Def& def) {
  if (find_op(def.name.text) != nullptr) {
    r.diagnostics.error("N0210", def.name.where, fmt::format("`{}` is a layer of the language", def.name.text)).help = "give the def another name";
    return;
  }
  const auto [at, fresh] = r.definitions.try_emplace(def.name.text, Definition{&def});
  if (!fresh)
    r.diagnostics.error("N0206", def.name.where, fmt::format("`{}` is defined twice", def.name.text))
        .notes.push_back({"first defined", at->second.def->name.where});
  for (size_t i = 0; i < def.parameters.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (def.parameters[i].name.text == def.parameters[j].name.text)
        r.diagnostics.error("N0206", def.parameters[i].name.where,
                            fmt::format("`{}` has two parameters `{}`", def.name.text, def.parameters[i].name.text));
}

std::string relative_to(const std::string& file, const std::string& path) {
  const std::filesystem::path wanted(path);
  if (wanted.is_absolute()) return path;
  return (std::filesystem::path(file).parent_path() / wanted).lexically_normal().string();
}

void report_cycle(Resolver& r, const std::vector<int32_t>& chain, int32_t again, Location where) {
  std::string path;
  for (auto at = std::find(chain.begin(), chain.end(), again); at != chain.end(); ++at)
    path += r.sources.files[static_cast<size_t>(*at)].path + " -> ";
  path += r.sources.files[static_cast<size_t>(again)].path;
  r.diagnostics.error("N0602", where, "`use` goes in a circle: " + path).help = "put what both files need into a third";
}

void use(Resolver& r, const ast::Use& use, Location where, std::vector<int32_t>& chain) {
  const std::string path = relative_to(r.sources.files[static_cast<size_t>(chain.back())].path, use.path);
  const size_t known = r.sources.files.size();
  const int32_t source = open_source(r.sources, path, where, r.diagnostics);
  if (source < 0) {
    r.unknown = r.file_missing = true;
    return;
  }
  if (std::find(chain.begin(), chain.end(), source) != chain.end()) return report_cycle(r, chain, source, where);
  if (static_cast<size_t>(source) < known) return;  // brought in already
  if (chain.size() >= kDeepestNesting) {
    r.diagnostics.error("N0501", where, fmt::format("`use` is nested deeper than {}", kDeepestNesting));
    return;
  }
  r.used_files.push_back(parse(r.sources, source, r.diagnostics));
  const ast::File& file = r.used_files.back();
  chain.push_back(source);
  collect(r, file, chain);
  chain.pop_back();
  for (const ast::Statement& statement : file.statements)
    if (const auto* let = std::get_if<ast::Let>(&statement.body)) bind(r, *let, r.globals, Current{});
}

}  // namespace

void collect(Resolver& r, const ast::File& file, std::vector<int32_t>& chain) {
  for (const ast::Statement& statement : file.statements) {
    if (const auto* def = std::get_if<ast::Def>(&statement.body)) define(r, *def);
    if (const auto* other = std::get_if<ast::Use>(&statement.body)) use(r, *other, statement.where, chain);
    if (std::holds_alternative<ast::Broken>(statement.body)) r.unknown = true;
  }
}

void bind(Resolver& r, const ast::Let& let, Scope& scope, const Current& current) {
  for (const ast::Binding& binding : let.bindings) {
    Number value = binding.value ? evaluate(*binding.value, surroundings(r, scope, current)) : Number{};
    const auto set = &scope == &r.globals ? r.options.sets.find(binding.name.text) : r.options.sets.end();
    if (set != r.options.sets.end()) {
      r.sets_used.insert(binding.name.text);
      const bool whole = std::abs(set->second) <= 9007199254740992.0 && set->second == std::floor(set->second);  // 2^53
      value = whole ? Number::of(static_cast<int64_t>(set->second)) : Number::of_real(set->second);
    }
    if (!scope.names.try_emplace(binding.name.text, value).second) {
      r.diagnostics.error("N0206", binding.name.where, fmt::format("`{}` is defined twice", binding.name.text)).help =
          "a constant has one value; give the second another name";
    }
  }
}

}  // namespace netc::resolving
