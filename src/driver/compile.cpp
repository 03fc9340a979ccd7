#include "driver/compile.h"

#include <fmt/format.h>

#include <algorithm>
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

Parsed parse_network(const std::string& path) {
  Parsed parsed;
  parsed.path = path;
  const int32_t source = open_source(parsed.sources, path, {}, parsed.diagnostics);
  if (source >= 0) parsed.file = parse(parsed.sources, source, parsed.diagnostics);
  return parsed;
}

ResolveOptions resolve_options(const Options& options, bool needs_loss) {
  ResolveOptions wanted;
  wanted.sets = options.sets;
  wanted.batch = options.batch;
  wanted.needs_loss = needs_loss;
  return wanted;
}

Compilation resolve_network(const Parsed& parsed, const ResolveOptions& wanted) {
  Compilation made;
  made.sources = parsed.sources;
  made.diagnostics = parsed.diagnostics;
  if (!parsed.file) return made;
  timed(made, "resolve", [&] { made.graph = resolve(*parsed.file, wanted, made.sources, made.diagnostics); });
  if (!made.graph) return made;
  if (made.graph->name.empty()) made.graph->name = std::filesystem::path(parsed.path).stem().string();
  check_graph(*made.graph, "resolve");
  return made;
}

bool trains(const Graph& graph, const Options& options) { return graph.loss.valid() && !options.inference; }

bool has_batch_statistics(const Graph& graph) {
  return std::ranges::any_of(graph.layers, [](const Layer& layer) { return !layer.states.empty(); });
}

void run_passes(Compilation& made, bool training, const Target* target, std::string_view print, bool remakes) {
  Graph& graph = *made.graph;
  if (print == "resolve") made.printed = graph_text(graph);
  for (const Pass& pass : kPasses) {
    if ((pass.training_only && !training) || (pass.run == recompute_labelled && !remakes)) continue;
    if (pass.for_target != nullptr && target == nullptr) continue;
    timed(made, std::string(pass.name), [&] { pass.for_target != nullptr ? pass.for_target(graph, *target) : pass.run(graph); });
    check_graph(graph, pass.name);
    if (print == pass.name) made.printed = graph_text(graph);
  }
}

Compilation compile(const Options& options, bool needs_loss, const Target& target) {
  const auto start = std::chrono::steady_clock::now();
  const Parsed parsed = parse_network(options.file);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  Compilation made = resolve_network(parsed, resolve_options(options, needs_loss));
  made.times.insert(made.times.begin(), {"parse", took.count()});
  if (made.graph) run_passes(made, trains(*made.graph, options), &target, options.action == Action::print_after ? options.subject : "");
  return made;
}

std::optional<Plan> plan_checked(const Graph& graph, const Target& target, int64_t batch, std::string& error) {
  std::optional<Plan> plan = make_plan(graph, target, batch, error);
  if (!plan) return plan;
  const std::vector<std::string> wrong = validate(*plan, graph);
  if (!wrong.empty()) NETC_CHECK(false, fmt::format("the plan is wrong: {}", wrong[0]).c_str());
  return plan;
}

Trial plan_at_batch(const Options& options, const Target& target, int64_t batch) {
  Options other = options;
  other.batch = batch;
  const Compilation made = compile(other, false, target);
  return made.graph ? plan_trial(*made.graph, target, batch, batch) : Trial{batch};
}

Trial plan_trial(const Graph& graph, const Target& target, int64_t batch, int64_t size) {
  std::string error;
  const std::optional<Plan> plan = plan_checked(graph, target, batch, error);
  return plan ? Trial{size, plan->arena, plan->lower_bound} : Trial{size};
}

}  // namespace netc
