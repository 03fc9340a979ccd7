#include "driver/compile.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "ir/text.h"
#include "ir/verify.h"
#include "passes/pipeline.h"
#include "passes/resolve.h"
#include "plan/make_plan.h"
#include "plan/validate.h"
#include "support/check.h"
#include "syntax/parse.h"

namespace netc {

namespace {

/// Runs `body` and notes how long it took.
template <class Body>
void timed(Compilation& made, std::string name, const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  made.times.push_back({std::move(name), took.count()});
}

void check_graph(const Graph& graph, std::string_view pass) {
  const std::vector<std::string> wrong = verify(graph);
  if (!wrong.empty()) NETC_CHECK(false, fmt::format("after {}: {}", pass, wrong[0]).c_str());
}

}  // namespace

Compilation compile(const Options& options, bool needs_loss, const Target& target) {
  Compilation made;
  const bool print = options.action == Action::print_after;
  int32_t source = -1;
  ast::File file;
  timed(made, "parse", [&] {
    source = open_source(made.sources, options.file, {}, made.diagnostics);
    if (source >= 0) file = parse(made.sources, source, made.diagnostics);
  });
  if (source < 0) return made;
  ResolveOptions wanted;
  wanted.sets = options.sets;
  wanted.batch = options.batch;
  wanted.needs_loss = needs_loss;
  timed(made, "resolve", [&] { made.graph = resolve(file, wanted, made.sources, made.diagnostics); });
  if (!made.graph) return made;
  Graph& graph = *made.graph;
  if (graph.name.empty()) graph.name = std::filesystem::path(options.file).stem().string();
  check_graph(graph, "resolve");
  if (print && options.subject == "resolve") made.printed = graph_text(graph);
  const bool training = graph.loss.valid() && !options.inference;
  for (const Pass& pass : kPasses) {
    if (pass.training_only && !training) continue;
    timed(made, std::string(pass.name), [&] { pass.run(graph, target); });
    check_graph(graph, pass.name);
    if (print && options.subject == pass.name) made.printed = graph_text(graph);
  }
  return made;
}

std::optional<Plan> plan_checked(const Graph& graph, const Target& target, int64_t batch, std::string& error) {
  std::optional<Plan> plan = make_plan(graph, target, batch, error);
  if (!plan) return plan;
  const std::vector<std::string> wrong = validate(*plan, graph);
  if (!wrong.empty()) NETC_CHECK(false, fmt::format("the plan is wrong: {}", wrong[0]).c_str());
  return plan;
}

}  // namespace netc
