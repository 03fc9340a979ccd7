#include "driver/fit_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "estimate/units.h"
#include "plan/make_plan.h"

namespace netc {

namespace {

/// Searches and plans; a packing that ends above its bound costs another round with so much less.
void search(FittedFile& file, const Graph& resolved, const Target& target, const std::function<void(const std::string&)>& say) {
  FitWish wish;
  wish.rates = sustained_rates(*file.gpu);
  wish.micro_steps = resolved.train.micro_steps;
  wish.batch = resolved.train.batch;
  wish.may_split = file.may_split;
  wish.say = say;
  wish.step = [&](int64_t micro_steps, int64_t batch) {
    Compilation made;
    made.graph = resolved;
    made.graph->train.micro_steps = micro_steps;
    made.graph->train.batch = batch;
    run_passes(made, true, nullptr, {}, false);
    return std::move(*made.graph);
  };
  const int64_t budget = file.room.memory - file.library.bytes;
  wish.budget = budget;
  for (int round = 0; round < 4; ++round) {
    file.fitted = fit(wish, target);
    if (!file.fitted.best) return;
    file.made.graph = file.fitted.graph;
    file.plan = plan_checked(file.fitted.graph, target, file.fitted.best->batch, file.error);
    if (!file.plan || file.plan->arena <= budget) return;
    wish.budget -= file.plan->arena - budget;
    file.plan.reset();
    file.fitted.best.reset();
  }
}

}  // namespace

FittedFile fit_file(const Options& options, const Target& target, const Gpu* card, const std::function<void(const std::string&)>& say) {
  FittedFile file;
  file.gpu = card ? card : &reference_gpu();
  file.room = room_in(options.fit.value_or(0), options.fit.value_or(0) > 0 ? nullptr : card);
  file.library = library_share(target.name, card);
  ResolveOptions wanted = resolve_options(options, true);
  wanted.fits = true;
  file.made = resolve_network(parse_network(options.file), wanted);
  if (!file.made.graph) return file;
  const Graph resolved = *file.made.graph;
  file.may_split = !has_batch_statistics(resolved);
  run_passes(file.made, true, &target);
  // Sizes that no plan can have are found here, before anything is counted.
  if (!make_plan(*file.made.graph, target, resolved.train.batch, file.error)) return file;
  search(file, resolved, target, say);
  return file;
}

std::string batch_text(const FitOffer& offer) {
  return offer.micro_steps > 1 ? fmt::format("{}x{}", offer.micro_steps, offer.batch) : fmt::to_string(offer.batch);
}

std::string more_text(double value, double plain, bool down) {
  const double percent = plain > 0 ? 100 * (value / plain - 1) : 0;
  return fmt::format("{:+.2f} %", down ? std::max(0.0, std::floor(percent * 100 + 1e-6) / 100) : percent + 0.0);
}

std::string made_again_text(int tensors) {
  return tensors == 0 ? "nothing made again" : fmt::format("{} tensor{} made again", tensors, tensors == 1 ? "" : "s");
}

std::string choice_text(const Fitted& fitted) {
  const FitOffer& best = *fitted.best;
  return fmt::format("batch {}{}, {}, {} time", batch_text(best), best.slices ? " in slices" : "", made_again_text(best.made_again), more_text(best.seconds, fitted.plain.seconds));
}

std::string does_not_fit_text(const FittedFile& file) {
  const FitOffer& least = file.fitted.least;
  const std::string what = fmt::format("no way was found to train {} in {}", file.made.graph->name, memory_text(file.room.memory));
  if (file.library.bytes >= file.room.memory) return fmt::format("{}: the libraries alone take about {}", what, memory_text(file.library.bytes));
  const std::string of = file.library.bytes ? fmt::format(" beside about {} for the libraries", memory_text(file.library.bytes)) : "";
  if (least.bytes + file.library.bytes <= file.room.memory) return fmt::format("{}{}: what was found leaves gaps when it is packed; allow some more", what, of);
  return fmt::format("{}{}: at batch {} the least that was found takes {}", what, of, batch_text(least), memory_text(least.bytes));
}

}  // namespace netc
