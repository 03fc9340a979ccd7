#include "driver/largest_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "diag/render.h"
#include "driver/session.h"
#include "estimate/report.h"
#include "estimate/units.h"

namespace netc {

namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kLargestSide = int64_t{1} << 20;
constexpr int64_t kReach = 256;  ///< sides in a row at which the network may not resolve

/// What was asked, and in which words the answer is given.
struct Question {
  std::string network, target;
  std::string thing;  ///< "batch" or "input"
  bool training = true;
  Room room;
  LibraryShare library;
  std::function<std::string(int64_t size)> text;  ///< "4x128" or "512x512x3"
  std::function<Json(int64_t size)> json;
};

Json trial_json(const Question& question, const std::optional<Trial>& trial) {
  if (!trial) return {};
  Json json;
  json[question.thing] = question.json(trial->size);
  json["arena"] = trial->arena < 0 ? Json() : Json(trial->arena);
  json["lower_bound"] = trial->arena < 0 ? Json() : Json(trial->bound);
  json["device"] = trial->arena < 0 ? Json() : Json(trial->arena + question.library.bytes);
  json["fits"] = trial->arena >= 0 && trial->arena + question.library.bytes <= question.room.memory;
  return json;
}

std::string trial_text(const Question& question, const Trial& trial) {
  const std::string what = fmt::format("  {} {:<16}", question.thing, question.text(trial.size));
  if (trial.arena < 0) return what + "no kernel takes sizes so large\n";
  const int64_t device = trial.arena + question.library.bytes, left = question.room.memory - device;
  return fmt::format("{}{:>22} B  {:>12}   {}\n", what, grouped(device), memory_text(device),
                     left >= 0 ? fmt::format("fits, {} bytes to spare", grouped(left)) : fmt::format("does not fit, {} bytes too many", grouped(-left)));
}

std::string answer_text(const Question& question, const Largest& found, const std::string& remark) {
  const std::string of = question.room.name.empty() ? "" : fmt::format(" ({})", question.room.name);
  const std::string where = fmt::format("in {}{}", memory_text(question.room.memory), of);
  std::string text = found.fits ? fmt::format("{}: the largest {} for {} {} is {}\n", question.network, question.thing,
                                              question.training ? "training" : "inference", where, question.text(found.fits->size))
                                : fmt::format("{}: {} does not fit {}, not even with the smallest {}\n", question.network,
                                              question.training ? "training" : "inference", where, question.thing);
  if (found.fits) text += trial_text(question, *found.fits);
  if (found.next) text += trial_text(question, *found.next);
  text += fmt::format("arena{}, evaluation included; {} size{} planned, packed and validated for target {}\n",
                      question.library.bytes ? fmt::format(" + about {} for the libraries", memory_text(question.library.bytes)) : "",
                      found.planned, found.planned == 1 ? "" : "s", question.target);
  if (!remark.empty()) text += remark + "\n";
  return text;
}

/// Prints the answer; the exit status.
int answer(const Options& options, const Question& question, const Largest& found, const std::string& remark, Json extra) {
  if (options.json) {
    Json json;
    json["network"] = question.network;
    json["target"] = question.target;
    json["training"] = question.training;
    json["memory"] = question.room.memory;
    json["library"] = question.library.bytes;
    json["largest"] = trial_json(question, found.fits);
    json["next"] = trial_json(question, found.next);
    json["planned"] = found.planned;
    json.update(extra);
    fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    fmt::print("{}", answer_text(question, found, remark));
  }
  return found.fits ? kDone : kDoesNotFit;
}

Question question_of(const Options& options, const Graph& graph, const Target& target, const Gpu* card, std::string thing) {
  Question question;
  question.network = graph.name;
  question.target = target.name;
  question.thing = std::move(thing);
  question.training = trains(graph, options);
  question.room = room_in(options.memory.value_or(0), card);
  question.library = library_share(target.name, card);
  return question;
}

/// The inputs a network could have: its own shape, larger and smaller.
class Inputs {
 public:
  Inputs(const Parsed& parsed, const Options& options, const Target& target, const Graph& own)
      : parsed_(parsed), options_(options), target_(target), shape_(own[own.input].type.shape), tokens_(own.vocabulary > 0) {}

  /// Neither height and width nor a length: 784 numbers.
  bool flat() const { return shape_.size() == 1 && !tokens_; }
  /// The longer side, or the length.
  int64_t side() const { return shape_.size() == 3 ? std::max(shape_[0], shape_[1]) : shape_[0]; }

  /// The shape whose longer side, or length, is `side`.
  Shape shape(int64_t side) const {
    Shape shape = shape_;
    const size_t sides = shape.size() == 3 ? 2 : 1;
    for (size_t i = 0; i < sides; ++i) {
      const double exact = static_cast<double>(shape_[i]) * static_cast<double>(side) / static_cast<double>(this->side());
      shape[i] = std::max<int64_t>(1, static_cast<int64_t>(exact + 0.5));
    }
    return shape;
  }

  /// Resolves the file with that input and plans it; nothing, and `why_not` knows the reason, where it does not resolve.
  std::optional<Trial> plan(int64_t side) {
    progress_.say(fmt::format("input {} ...", shape_text(shape(side))));
    ResolveOptions wanted = resolve_options(options_, false);
    wanted.input = shape(side);
    Compilation made = resolve_network(parsed_, wanted);
    if (!made.graph) {
      for (const Diagnostic& found : made.diagnostics.all())
        if (found.severity == Severity::error && !why_not_.contains(side)) why_not_[side] = sentence(found, made.sources);
      return std::nullopt;
    }
    run_passes(made, trains(*made.graph, options_), &target_);
    return plan_trial(*made.graph, target_, made.graph->train.batch, side);
  }

  void done() { progress_.say({}); }
  const std::string& why_not(int64_t side) { return why_not_[side]; }

 private:
  static std::string sentence(const Diagnostic& found, const Sources& sources) {
    const std::string at = place(found.where, sources);
    return printable(found.message) + (at.empty() ? "" : fmt::format(" ({})", at));
  }

  const Parsed& parsed_;
  const Options& options_;
  const Target& target_;
  Shape shape_;
  bool tokens_;
  Progress progress_;
  std::map<int64_t, std::string> why_not_;
};

/// What stood in the way of sizes between what fits and what does not, with the first of them as the example.
std::string passed_over(Inputs& inputs, const Question& question, const Largest& found) {
  const int64_t fits = found.fits ? found.fits->size : 0;
  const auto first = std::upper_bound(found.impossible.begin(), found.impossible.end(), fits);
  auto end = first;
  while (end != found.impossible.end() && *end - *first == end - first) ++end;
  if (first == end) return {};
  const std::string example = fmt::format("at {}: {}", question.text(*first), inputs.why_not(*first));
  if (!found.next) return fmt::format("no input from there to {} resolves; {}", question.text(*(end - 1)), example);
  const auto count = std::lower_bound(first, end, found.next->size) - first;
  if (count == 0) return {};
  return fmt::format("passed over {} size{} between them, at which the network does not resolve; {}", count, count == 1 ? "" : "s", example);
}

}  // namespace

int largest_batch_command(const Options& options) {
  const Gpu* card = nullptr;
  if (!find_card(options, card)) return kError;
  const Target target = target_of(options, "cuda");
  const Compilation made = compile(options, false, target);
  print_diagnostics(options, made);
  print_times(options, made);
  if (!made.graph) return kError;
  const Graph& graph = *made.graph;
  // Any plan tells where to look first; the file's own batch may be too large for one.
  std::string error;
  std::optional<Plan> plan = plan_checked(graph, target, graph.train.batch, error);
  if (!plan) plan = plan_checked(graph, target, 1, error);
  if (!plan) return complain(error);
  Question question = question_of(options, graph, target, card, "batch");
  const int64_t micro_steps = question.training ? graph.train.micro_steps : 1;
  question.text = [&](int64_t size) { return micro_steps > 1 ? fmt::format("{}x{}", micro_steps, size) : grouped(size); };
  question.json = [](int64_t size) { return Json(size); };
  Progress progress;
  const PlanAt plan_at = [&](int64_t batch) {
    progress.say(fmt::format("batch {} ...", batch));
    return plan_at_batch(options, target, batch);
  };
  const Largest found = find_largest_batch(plan_at, *plan, question.library.bytes, question.room.memory);
  progress.say({});
  const std::string remark = found.next ? "" : "nothing larger was looked for";
  return answer(options, question, found, remark, {{"micro_steps", micro_steps}});
}

int largest_input_command(const Options& options) {
  const Gpu* card = nullptr;
  if (!find_card(options, card)) return kError;
  const Target target = target_of(options, "cuda");
  const Parsed parsed = parse_network(options.file);
  const Compilation own = resolve_network(parsed, resolve_options(options, false));
  print_diagnostics(options, own);
  if (!own.graph) return kError;
  Question question = question_of(options, *own.graph, target, card, "input");
  Inputs inputs(parsed, options, target, *own.graph);
  if (inputs.flat()) return complain(fmt::format("--largest-input: `input {}` has neither height and width nor a length", shape_text(inputs.shape(inputs.side()))));
  question.text = [&](int64_t size) { return shape_text(inputs.shape(size)) + (own.graph->vocabulary > 0 ? " tokens" : ""); };
  question.json = [&](int64_t size) { return Json(inputs.shape(size)); };
  const Search search{.room = question.room.memory - question.library.bytes, .guess = inputs.side(), .limit = kLargestSide, .reach = kReach};
  const Largest found = find_largest([&](int64_t side) { return inputs.plan(side); }, search);
  inputs.done();
  const std::string remark = passed_over(inputs, question, found);
  return answer(options, question, found, remark, {{"batch", own.graph->train.batch}, {"passed_over", found.impossible}, {"remark", remark}});
}

}  // namespace netc
