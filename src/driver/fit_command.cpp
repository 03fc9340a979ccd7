#include "driver/fit_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "driver/fit_file.h"
#include "driver/session.h"
#include "estimate/units.h"

namespace netc {

namespace {

using Json = nlohmann::ordered_json;

std::string line(const FitOffer& offer, const FitOffer& plain, bool with_bound) {
  const std::string bound = with_bound ? more_text(offer.bound, plain.seconds, true) : "";
  return fmt::format("  {:<10} {:>20} B {:>12} {:>11} {:>11} {:>12} {:>8}\n", batch_text(offer), grouped(offer.bytes), memory_text(offer.bytes),
                     more_text(offer.seconds, plain.seconds), more_text(offer.flops, plain.flops), bound, offer.made_again);
}

std::string proof_text(const FittedFile& file) {
  const Fitted& fitted = file.fitted;
  const FitOffer& best = *fitted.best;
  const std::string room = memory_text(file.room.memory - file.library.bytes);
  if (best.seconds <= fitted.plain.seconds) return fmt::format("it costs nothing: what the file says fits in {}", room);
  if (std::isinf(fitted.bound)) return fmt::format("no plan at batch {} fits in {}", batch_text(fitted.plain), room);
  return fmt::format("no plan{} within {}, in any order that ends the forward pass first, costs less than {}",
                     best.micro_steps != fitted.plain.micro_steps ? " at batch " + batch_text(fitted.plain) : "", room, more_text(fitted.bound, fitted.plain.seconds, true));
}

std::string prices_text(const FittedFile& file) {
  const Fitted& fitted = file.fitted;
  std::string text = fmt::format("\nprice list, time and FLOPs of a step beyond {} and {:.3g} TFLOP (roofline of {})\n", seconds_text(fitted.plain.seconds),
                                 fitted.plain.flops / 1e12, file.gpu->name);
  text += fmt::format("  {:<10} {:>22} {:>12} {:>11} {:>11} {:>12} {:>8}\n", "batch", "arena", "", "time", "FLOPs", "at least", "tensors");
  for (const FitOffer& offer : fitted.prices) text += line(offer, fitted.plain, true);
  if (fitted.splits.empty()) return text;
  text += file.may_split ? "more micro-steps, everything kept\n" : "more micro-steps, everything kept; statistics of the batch are then taken over fewer samples\n";
  for (const FitOffer& offer : fitted.splits) text += line(offer, fitted.plain, false);
  return text;
}

std::string fit_text(const FittedFile& file) {
  const Fitted& fitted = file.fitted;
  const FitOffer &best = *fitted.best, &plain = fitted.plain;
  const std::string of = file.room.name.empty() ? "" : fmt::format(" ({})", file.room.name);
  std::string text = fmt::format("{}: training fits in {}{}: {}\n", file.made.graph->name, memory_text(file.room.memory), of, choice_text(fitted));
  if (best.micro_steps != plain.micro_steps && !file.may_split)
    text += fmt::format("  note: with {} samples a micro-step instead of {} the statistics of the batch differ, and so do the results\n", best.batch, plain.batch);
  if (best.slices) text += "  note: some calls run on slices of the batch; gradients are summed in another order, so results differ in their last bits\n";
  text += fmt::format("  arena    {:>20} B {:>12}   {}\n", grouped(file.plan->arena), memory_text(file.plan->arena),
                      file.plan->arena == file.plan->lower_bound ? "at its lower bound, so packed optimally" : "the one allocation");
  if (file.library.bytes) text += fmt::format("  library  {:>20} B {:>12}   about: {}\n", grouped(file.library.bytes), memory_text(file.library.bytes), file.library.text);
  text += fmt::format("  cost     {:>20}   {:>12}   of {} a step; FLOPs {}\n", more_text(best.seconds, plain.seconds), "", seconds_text(plain.seconds),
                      more_text(best.flops, plain.flops));
  text += fmt::format("  proof    {}\n", proof_text(file));
  if (fitted.own && fitted.own->micro_steps != best.micro_steps)
    text += fmt::format("  or       batch {} as the file says{}, {}, {} time\n", batch_text(*fitted.own), fitted.own->slices ? " in slices" : "", made_again_text(fitted.own->made_again),
                        more_text(fitted.own->seconds, plain.seconds));
  return text + prices_text(file);
}

Json offer_json(const FitOffer& offer, const FitOffer& plain) {
  Json json;
  json["micro_steps"] = offer.micro_steps;
  json["batch"] = offer.batch;
  json["arena"] = offer.bytes;
  json["seconds"] = offer.seconds;
  json["more_time"] = offer.seconds / plain.seconds - 1;
  json["flops"] = offer.flops;
  json["more_flops"] = offer.flops / plain.flops - 1;
  json["made_again"] = offer.made_again;
  json["slices"] = offer.slices;
  if (offer.bound > 0 && !std::isinf(offer.bound)) json["at_least"] = std::max(0.0, offer.bound / plain.seconds - 1);
  return json;
}

Json fit_json(const FittedFile& file) {
  const Fitted& fitted = file.fitted;
  Json json;
  json["network"] = file.made.graph->name;
  json["memory"] = file.room.memory;
  json["library"] = file.library.bytes;
  json["gpu"] = file.gpu->id;
  json["fits"] = fitted.best.has_value();
  json["plain"] = offer_json(fitted.plain, fitted.plain);
  json["chosen"] = fitted.best ? offer_json(*fitted.best, fitted.plain) : Json();
  if (file.plan) json["chosen"]["arena"] = file.plan->arena;
  json["own"] = fitted.own ? offer_json(*fitted.own, fitted.plain) : Json();
  json["at_least"] = std::isinf(fitted.bound) ? Json() : Json(std::max(0.0, fitted.bound / fitted.plain.seconds - 1));
  json["least"] = offer_json(fitted.least, fitted.plain);
  json["splitting_changes_results"] = !file.may_split;
  json["prices"] = Json::array();
  for (const FitOffer& offer : fitted.prices) json["prices"].push_back(offer_json(offer, fitted.plain));
  json["splits"] = Json::array();
  for (const FitOffer& offer : fitted.splits) json["splits"].push_back(offer_json(offer, fitted.plain));
  return json;
}

}  // namespace

int fit_command(const Options& options) {
  const Gpu* card = nullptr;
  if (!find_card(options, card)) return kError;
  Progress progress;
  const FittedFile file = fit_file(options, target_of(options, "cuda"), card, [&](const std::string& what) { progress.say(what + " ..."); });
  progress.say({});
  print_diagnostics(options, file.made);
  print_times(options, file.made);
  if (!file.made.graph) return kError;
  if (!file.error.empty()) return complain(file.error);
  if (options.json)
    fmt::print("{}\n", fit_json(file).dump(2, ' ', false, Json::error_handler_t::replace));
  else if (file.plan)
    fmt::print("{}", fit_text(file));
  else
    fmt::print("{}\n{}", does_not_fit_text(file), prices_text(file));
  return file.plan ? kDone : kDoesNotFit;
}

}  // namespace netc
