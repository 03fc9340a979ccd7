#include "driver/driver.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <cstdio>
#include <filesystem>

#include "backend/emit.h"
#include "backend/interpret.h"
#include "backend/pytorch.h"
#include "diag/codes.h"
#include "diag/render.h"
#include "driver/compile.h"
#include "driver/options.h"
#include "driver/fit_command.h"
#include "driver/largest_command.h"
#include "driver/like_command.h"
#include "driver/pack_command.h"
#include "driver/session.h"
#include "driver/why_command.h"
#include "estimate/json.h"
#include "estimate/rules.h"
#include "estimate/text.h"
#include "ops/document.h"
#include "passes/pipeline.h"

namespace netc {

namespace {

std::string folder_of(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// What is freed is kept for what comes: the report of a large network grows and drops vectors of many megabytes, and fresh pages from the
/// system cost more than all else that is done with them.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, 1 << 24);
#endif
}

int estimate(const Options& options) {
  if (!options.like.empty()) return like_command(options);
  keep_freed_memory();
  EstimateOptions wanted;
  if (!find_card(options, wanted.gpu)) return kError;
  wanted.memory = options.memory.value_or(0);
  wanted.time = options.time;
  const Target target = target_of(options, "cuda");
  // Never freed: the process ends with the report, and taking graph and plan apart node by node costs a tenth of the whole run.
  const Planned& planned = *new Planned(plan_file(options, target, false));
  if (planned.status != kDone) return planned.status;
  const Graph& graph = *planned.made.graph;
  if (!options.packing.empty()) {
    const std::string wrong = write_packing(*planned.plan, options.packing);
    if (!wrong.empty()) return complain(wrong);
  }
  wanted.plan_at = [&](int64_t batch) { return plan_at_batch(options, target, batch); };
  if (options.json)
    for (const Diagnostic& found : planned.made.diagnostics.all())
      if (found.severity == Severity::note) wanted.notes.push_back(found.message);
  const Report& report = *new Report(make_report(graph, *planned.plan, wanted));  // likewise
  const std::vector<Rule> rules = options.rules ? rules_of_thumb(graph, planned.plan->batch) : std::vector<Rule>{};
  const std::string text = options.json ? estimate_json_text(report, *planned.plan, rules)
                                        : estimate_text(report, options.rules ? rules_text(rules, planned.plan->arena) : "");
  std::fputs(text.c_str(), stdout);
  return report.verdict.fits.value_or(true) ? kDone : kDoesNotFit;
}

int emit(const Options& options) {
  const bool cuda = options.action == Action::emit_cuda;
  const Planned planned = plan_file(options, cuda ? cuda_target(options.workspace) : cpu_target(), true);
  if (planned.status != kDone) return planned.status;
  const Graph& graph = *planned.made.graph;
  const std::string folder = options.output.empty() ? program_name(graph) + (cuda ? "-cuda" : "-cpu") : options.output;
  const ProgramOptions wanted{options.command, folder_of(options.file), NETC_VERSION};
  const std::string json = estimate_json_text(make_report(graph, *planned.plan, {}), *planned.plan, {});
  const std::string wrong = write_folder(folder, emit_folder(graph, *planned.plan, planned.made.sources, wanted, json), options.force);
  if (!wrong.empty()) return complain(wrong);
  fmt::print("wrote {0}: {1} bytes of {2} memory in one allocation\n  cmake -S {0} -B {0}/build && cmake --build {0}/build -j && {0}/build/{3}\n", folder,
             planned.plan->arena, cuda ? "device" : "main", program_name(graph));
  return kDone;
}

int emit_pytorch(const Options& options) {
  const Compilation made = compile(options, false, target_of(options, "cuda"));
  print_diagnostics(options, made);
  print_times(options, made);
  if (!made.graph) return kError;
  const std::string file = options.output.empty() ? pytorch_file_name(*made.graph) : options.output;
  const ProgramOptions wanted{options.command, folder_of(options.file), NETC_VERSION};
  const std::string wrong = write_marked_file(file, "# Written by netc, which replaces it unless it was edited:", pytorch_text(*made.graph, made.sources, wanted), options.force);
  if (!wrong.empty()) return complain(wrong);
  fmt::print("wrote {0}\n  python3 {0}\n", file);
  return kDone;
}

int train(const Options& options) {
  if (options.target == "cuda") return complain("--train runs on the CPU; for a GPU: --emit-cuda");
  const Planned planned = plan_file(options, cpu_target(), true);
  if (planned.status != kDone) return planned.status;
  InterpretOptions wanted;
  wanted.guard = options.guard;
  wanted.trace = options.trace;
  wanted.command = options.command;
  wanted.folder = folder_of(options.file);
  wanted.arguments = options.trainer;
  return interpret(*planned.made.graph, *planned.plan, wanted);
}

/// The plan as text: the calls of a step, then every buffer.
std::string plan_text(const Schedule& schedule) {
  std::string text;
  for (size_t i = 0; i < schedule.calls.size(); ++i) {
    const Call& call = schedule.calls[i];
    fmt::format_to(std::back_inserter(text), "  {:>5} {}", i, call.kernel);
    for (const auto* values : {&call.outputs, &call.inputs}) {
      text += values == &call.outputs ? " " : " <-";
      for (int value : *values) fmt::format_to(std::back_inserter(text), " {}", value < 0 ? "-" : schedule.values[static_cast<size_t>(value)].name);
    }
    if (call.takes_workspace) fmt::format_to(std::back_inserter(text), " (scratch {}, at least {})", call.workspace_bytes, call.workspace_minimum);
    text += '\n';
  }
  for (const Buffer& buffer : schedule.buffers)
    fmt::format_to(std::back_inserter(text), "  {:>12} +{:<12} {:>5}..{:<5} {:<10} {}\n", buffer.offset, buffer.bytes, buffer.first, buffer.last,
                   memory_class_name(buffer.cls), buffer.name);
  return text;
}

int print_after(const Options& options) {
  bool known = options.subject == "resolve" || options.subject == "plan";
  std::string passes = "resolve";
  for (const Pass& pass : kPasses) {
    known = known || options.subject == pass.name;
    passes += fmt::format(", {}", pass.name);
  }
  if (!known) return complain(fmt::format("no pass `{}`: {}, plan", options.subject, passes));
  const Planned planned = plan_file(options, target_of(options, "cuda"), false);
  if (planned.status != kDone) return planned.status;
  if (options.subject == "plan")
    fmt::print("training step\n{}evaluation\n{}", plan_text(planned.plan->train), plan_text(planned.plan->evaluate));
  else
    std::fputs(planned.made.printed.c_str(), stdout);
  return kDone;
}

int explain(const std::string& code) {
  const std::string text = explain_code(code);
  if (text.empty()) return complain(fmt::format("no code `{}`; codes look like N0301", code));
  std::fputs(text.c_str(), stdout);
  return kDone;
}

int explain_op(const std::string& name) {
  const std::string text = ops_help(name);
  if (text.empty()) return complain(fmt::format("no layer `{}`; docs/ops.md lists them", name));
  std::fputs(text.c_str(), stdout);
  return kDone;
}

}  // namespace

int run(int argc, char** argv) {
  int status = kDone;
  const std::optional<Options> options = parse_options(argc, argv, status);
  if (!options) return status;
  switch (options->action) {
    case Action::estimate: return estimate(*options);
    case Action::emit_cuda:
    case Action::emit_cpu: return emit(*options);
    case Action::emit_pytorch: return emit_pytorch(*options);
    case Action::train: return train(*options);
    case Action::print_after: return print_after(*options);
    case Action::gpus: std::fputs(gpus_text().c_str(), stdout); return kDone;
    case Action::explain: return explain(options->subject);
    case Action::pack: return pack_command(*options);
    case Action::largest_batch: return largest_batch_command(*options);
    case Action::largest_input: return largest_input_command(*options);
    case Action::fit: return fit_command(*options);
    case Action::why: return why_command(*options);
    case Action::op_help: return explain_op(options->subject);
  }
  return status;
}

}  // namespace netc
