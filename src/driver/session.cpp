#include "driver/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "backend/interpret.h"
#include "diag/render.h"
#include "driver/fit_file.h"

namespace netc {

namespace {

bool colour_on(const Options& options, int stream) {
  if (options.colour != Colour::automatic) return options.colour == Colour::always;
  return isatty(stream) && !std::getenv("NO_COLOR");
}

}  // namespace

int complain(const std::string& message) {
  fmt::print(stderr, "error: {}\n", message);
  return kError;
}

void print_diagnostics(const Options& options, const Compilation& made) {
  if (made.diagnostics.all().empty()) return;
  if (options.json && made.diagnostics.has_errors())
    fmt::print(stderr, "{}\n", render_json(made.diagnostics, made.sources));
  else
    fmt::print(stderr, "{}", render(made.diagnostics, made.sources, colour_on(options, STDERR_FILENO)));
}

void print_times(const Options& options, const Compilation& made) {
  if (!options.time_passes) return;
  for (const PassTime& pass : made.times) fmt::print(stderr, "{:<14} {:>9.3f} ms\n", pass.name, pass.milliseconds);
}

bool find_card(const Options& options, const Gpu*& card) {
  if (options.gpu.empty()) return true;
  card = find_gpu(options.gpu);
  if (card != nullptr) return true;
  const std::string_view near = nearest_gpu(options.gpu);
  complain(fmt::format("no card `{}` in the table{}; `netc --gpus` lists them", options.gpu,
                       near.empty() ? "" : fmt::format(", did you mean `{}`?", near)));
  return false;
}

Target target_of(const Options& options, const char* otherwise) {
  const std::string name = options.target.empty() ? otherwise : options.target;
  return name == "cpu" ? cpu_target() : cuda_target(options.workspace);
}

namespace {

/// The plan that --fit chooses; what it chose goes to standard error.
Planned plan_fitted(const Options& options, const Target& target) {
  const Gpu* card = nullptr;
  if (!find_card(options, card)) return {{}, std::nullopt, kError};
  Progress progress;
  FittedFile file = fit_file(options, target, card, [&](const std::string& what) { progress.say(what + " ..."); });
  progress.say({});
  Planned planned{std::move(file.made), std::move(file.plan), kDone};
  print_diagnostics(options, planned.made);
  print_times(options, planned.made);
  if (!planned.made.graph) planned.status = kError;
  else if (!file.error.empty()) planned.status = complain(file.error);
  if (planned.status != kDone) return planned;
  if (planned.plan) {
    fmt::print(stderr, "fit: {}\n", choice_text(file.fitted));
    return planned;
  }
  file.made.graph = std::move(planned.made.graph);
  complain(does_not_fit_text(file));
  planned.status = kDoesNotFit;
  return planned;
}

}  // namespace

Planned plan_file(const Options& options, const Target& target, bool needs_loss) {
  if (options.fits) return plan_fitted(options, target);
  Planned planned{compile(options, needs_loss, target), std::nullopt, kDone};
  print_diagnostics(options, planned.made);
  if (!planned.made.graph) {
    print_times(options, planned.made);
    planned.status = kError;
    return planned;
  }
  std::string error;
  const auto start = std::chrono::steady_clock::now();
  planned.plan = plan_checked(*planned.made.graph, target, planned.made.graph->train.batch, error);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  planned.made.times.push_back({"plan", took.count()});
  print_times(options, planned.made);
  if (!planned.plan) planned.status = complain(error);
  return planned;
}

Progress::Progress() : shown_(isatty(STDERR_FILENO)) {}

void Progress::say(const std::string& what) {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K{}", what);
  std::fflush(stderr);
}

}  // namespace netc
