#include "driver/why_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "driver/changes.h"
#include "driver/session.h"

namespace netc {

namespace {

/// Of those that lower the arena the best of each kind, the best first. Of equals the one tried first.
std::vector<Change> best_of_each_kind(std::vector<Change> changes, int64_t arena) {
  std::erase_if(changes, [&](const Change& change) { return change.arena >= arena; });
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.arena < b.arena; });
  std::set<std::string> kinds;
  std::erase_if(changes, [&](const Change& change) { return !kinds.insert(change.kind).second; });
  return changes;
}

}  // namespace

int why_command(const Options& options) {
  const Target target = target_of(options, "cuda");
  const Parsed parsed = parse_network(options.file);
  Compilation made = resolve_network(parsed, resolve_options(options, false));
  print_diagnostics(options, made);
  if (!made.graph) return kError;
  const Graph resolved = *made.graph;
  run_passes(made, trains(resolved, options), &target);
  print_times(options, made);
  const Graph& graph = *made.graph;
  std::string error;
  const std::optional<Plan> plan = plan_checked(graph, target, graph.train.batch, error);
  if (!plan) return complain(error);
  Progress progress;
  const std::vector<Change> tried =
      try_changes({parsed, options, target, resolved, graph, *plan}, [&](const std::string& what) { progress.say(what + " ..."); });
  progress.say({});
  Why why;
  why.network = graph.name;
  why.target = plan->target;
  why.training = trains(graph, options);
  why.batch = plan->batch;
  why.micro_steps = why.training ? graph.train.micro_steps : 1;
  why.arena = plan->arena;
  why.peak = find_peak(graph, *plan);
  why.tried = static_cast<int>(tried.size());
  why.changes = best_of_each_kind(tried, plan->arena);
  if (options.json)
    fmt::print("{}\n", why_json(why).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  else
    fmt::print("{}", why_text(why));
  return kDone;
}

}  // namespace netc
