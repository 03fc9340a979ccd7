// `train { ... }`: a table of its words, and what each sets.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/common.h"
#include "passes/resolve_state.h"
#include "passes/suggest.h"

namespace netc::resolving {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

using ops::flag;
using ops::positional;

ArgSpec number(std::string_view name, std::string_view help) { return ops::word(name, ArgKind::number, "", help); }

/// A word that must be there, with a whole number: `validate every 2`.
ArgSpec required_count(std::string_view name, std::string_view help) {
  ArgSpec spec = ops::word(name, ArgKind::integer, "", help);
  spec.required = true;
  return spec;
}

ArgSpec decay_scope() { return ops::word("on", ArgKind::label, "weights", "what decays: weights (no bias, no norm), matrices or all"); }

/// What the numbers of `train` may be, whichever statement they stand in.
struct Range {
  std::string_view name;
  double least, most;
  bool above = false, below = false;  ///< the bound itself is not allowed
};
constexpr Range kRanges[] = {
    {"rate", 0, kInfinity, true, true}, {"momentum", 0, 1, false, true},       {"decay", 0, kInfinity, false, true},
    {"clip", 0, kInfinity, true, true}, {"betas", 0, 1, false, true},          {"eps", 0, kInfinity, true, true},
    {"keep", 0, 1, false, true},        {"warmup", 0, kInfinity, false, true}, {"to", 0, 1, false, false},
    {"n", 0, kInfinity, true, true},    {"factor", 0, kInfinity, true, true},  {"every", 1, 1e9, false, false},
    {"after", 1, 1e9, false, false},    {"count", 1, 1e15, false, false},
};

struct Word {
  std::string_view name;
  std::string_view group;  ///< of the words of one group only one is given
  std::vector<ArgSpec> specs;
  void (*apply)(TrainSettings&, const Args&) = nullptr;
};

template <OptimizerKind kind>
void optimizer(TrainSettings& t, const Args& args) {
  t.optimizer = kind;
  t.learning_rate = args.number("rate");
  t.momentum = args.number("momentum", 0);
  t.nesterov = args.has("nesterov");
  t.beta1 = args.number("betas", t.beta1, 0);
  t.beta2 = args.number("betas", t.beta2, 1);
  t.eps = args.number("eps", t.eps);
  t.rms_keep = args.number("keep", t.rms_keep);
}

template <ScheduleKind kind>
void schedule(TrainSettings& t, const Args& args) {
  t.schedule = kind;
  t.warmup = args.number("warmup", 0);
  t.schedule_every = args.number("n", 0);
  t.schedule_factor = args.number("factor", args.number("to", kind == ScheduleKind::constant ? 1 : 0));
}

std::vector<ArgSpec> optimizer_specs(std::vector<ArgSpec> own) {
  std::vector<ArgSpec> specs{positional("rate", ArgKind::number, "the learning rate")};
  specs.insert(specs.end(), own.begin(), own.end());
  specs.push_back(number("decay", "weight decay"));
  specs.push_back(decay_scope());
  specs.push_back(number("clip", "largest norm of the gradient"));
  return specs;
}

std::vector<Word> make_words() {
  const ArgSpec warmup = number("warmup", "epochs (steps, where `steps` is given) in which the rate rises from 0");
  const ArgSpec to = number("to", "the fraction of the rate that is left at the end");
  ArgSpec betas = number("betas", "how much of the running moments is kept");
  betas.min_values = betas.max_values = 2;
  const ArgSpec eps = number("eps", "added to the divisor");
  const ArgSpec momentum = number("momentum", "how much of the velocity is kept");
  return {
      {"sgd", "optimiser", optimizer_specs({momentum, flag("nesterov", "Nesterov's momentum")}), optimizer<OptimizerKind::sgd>},
      {"adam", "optimiser", optimizer_specs({betas, eps}), optimizer<OptimizerKind::adam>},
      {"adamw", "optimiser", optimizer_specs({betas, eps}), optimizer<OptimizerKind::adamw>},
      {"rmsprop", "optimiser", optimizer_specs({momentum, number("keep", "how much of the running square is kept"), eps}),
       optimizer<OptimizerKind::rmsprop>},
      {"decay", "decay", {positional("decay", ArgKind::number, "weight decay"), decay_scope()}},
      {"clip", "clip", {positional("clip", ArgKind::number, "largest norm of the gradient")}},
      {"batch", "batch", {}},          // `64` or `4x64`
      {"recompute", "recompute", {}},  // labels
      {"constant", "schedule", {warmup}, schedule<ScheduleKind::constant>},
      {"step",
       "schedule",
       {positional("n", ArgKind::number, "every so many epochs"), positional("factor", ArgKind::number, "the rate is multiplied by this"), warmup},
       schedule<ScheduleKind::step>},
      {"cosine", "schedule", {to, warmup}, schedule<ScheduleKind::cosine>},
      {"linear", "schedule", {to, warmup}, schedule<ScheduleKind::linear>},
      {"epochs",
       "length",
       {positional("count", ArgKind::integer, "passes over the data")},
       [](TrainSettings& t, const Args& a) { t.epochs = a.integer("count"); }},
      {"steps",
       "length",
       {positional("count", ArgKind::integer, "updates of the parameters")},
       [](TrainSettings& t, const Args& a) { t.steps = a.integer("count"); }},
      {"fp32", "precision", {}, [](TrainSettings& t, const Args&) { t.dtype = "fp32"; }},
      {"tf32", "precision", {}, [](TrainSettings& t, const Args&) { t.dtype = "tf32"; }},
      {"bf16", "precision", {}, [](TrainSettings& t, const Args&) { t.dtype = "bf16"; }},
      {"fp16", "precision", {}, [](TrainSettings& t, const Args&) { t.dtype = "fp16"; }},
      {"validate",
       "validate",
       {required_count("every", "epochs between evaluations")},
       [](TrainSettings& t, const Args& a) { t.validate_every = a.integer("every"); }},
      {"stop",
       "stop",
       {required_count("after", "evaluations without a better one")},
       [](TrainSettings& t, const Args& a) { t.stop_after = a.integer("after"); }},
  };
}

const std::vector<Word>& words() {
  static const std::vector<Word> table = make_words();
  return table;
}

class Trainer {
 public:
  explicit Trainer(Resolver& r) : r_(r), around_{r.globals, nullptr, true, r.diagnostics} {}

  void run(const ast::Layer& layer) {
    const auto word = std::ranges::find(words(), std::string_view(layer.verb.text), &Word::name);
    if (word == words().end()) return unknown(layer);
    claim(word->group, layer.verb.where);
    if (word->name == "batch") return batch(layer);
    if (word->name == "recompute") return recompute(layer);
    const Matched matched = match_arguments(layer, layer.verb.text, word->specs, around_);
    if (!matched.complete || !in_range(matched.args)) return;
    r_.optimizer_given = r_.optimizer_given || word->group == "optimiser";
    if (word->apply != nullptr) word->apply(r_.graph.train, matched.args);
    shared(*word, matched.args);
  }

 private:
  void unknown(const ast::Layer& layer) {
    Suggestion suggestion(layer.verb.text);
    for (const Word& word : words()) suggestion.consider(word.name);
    r_.diagnostics.error("N0408", layer.verb.where, fmt::format("unknown setting `{}`", layer.verb.text)).help =
        suggestion.text("the settings of `train` are listed in docs/language.md");
  }

  /// One setting of a kind only.
  void claim(std::string_view group, Location where) {
    for (const auto& [name, first] : claimed_) {
      if (name != group) continue;
      r_.diagnostics.error("N0413", where, fmt::format("a second {}", group)).notes.push_back({"the first stands", first});
      return;
    }
    claimed_.emplace_back(group, where);
  }

  bool in_range(const Args& args) {
    bool ok = true;
    for (const auto& [name, value] : args.all()) {
      const auto range = std::ranges::find(kRanges, std::string_view(name), &Range::name);
      if (range == std::end(kRanges)) continue;
      for (const double x : value.numbers) {
        const bool good = (range->above ? x > range->least : x >= range->least) && (range->below ? x < range->most : x <= range->most);
        if (good) continue;
        ok = false;
        const std::string low = fmt::format("{} {}", range->above ? "above" : "at least", range->least);
        const std::string high = range->most >= 1e9 ? "" : fmt::format(" and {} {}", range->below ? "below" : "at most", range->most);
        r_.diagnostics.error("N0407", value.where, fmt::format("`{}` must be {}{}, not {}", name, low, high, x));
      }
    }
    return ok;
  }

  /// `decay`, `on` and `clip` stand behind an optimiser or by themselves.
  void shared(const Word& word, const Args& args) {
    TrainSettings& t = r_.graph.train;
    for (const std::string_view name : {"decay", "clip"})
      if (const ArgValue* value = args.find(name)) {
        if (word.group != name) claim(name, value->where);
        (name == "decay" ? t.decay : t.clip) = value->numbers[0];
      }
    const ArgValue* on = args.find("on");
    if (on == nullptr) return;
    if (!args.has("decay")) {
      r_.diagnostics.error("N0204", on->where, "`on` says what decays, but there is no `decay`").help = "write decay 1e-4 on weights";
      return;
    }
    constexpr std::string_view scopes[] = {"weights", "matrices", "all"};
    const auto scope = std::ranges::find(scopes, std::string_view(on->text));
    if (scope == std::end(scopes)) {
      Suggestion suggestion(on->text);
      for (const std::string_view each : scopes) suggestion.consider(each);
      r_.diagnostics.error("N0408", on->where, fmt::format("`decay` cannot be on `{}`", on->text)).help =
          suggestion.text("it is on weights (no bias, no norm), on matrices, or on all");
      return;
    }
    t.decay_scope = static_cast<DecayScope>(scope - scopes);
  }

  void batch(const ast::Layer& layer) {
    const bool single =
        layer.items.size() == 1 && layer.items[0].stride.empty() &&
        (layer.items[0].kind == ast::Item::Kind::expr || (layer.items[0].kind == ast::Item::Kind::kernel && layer.items[0].values.size() == 2));
    if (!single) {
      r_.diagnostics.error("N0407", layer.verb.where, "`batch` wants one number, or two joined by x").help =
          "write batch 64, or batch 4x64: four micro-steps of 64";
      return;
    }
    std::vector<int64_t> numbers;
    for (const ast::Expr& expr : layer.items[0].values) {
      const auto value = whole_number(evaluate(expr, around_), expr.where, "`batch`", r_.diagnostics);
      if (!value) return;
      if (*value < 1 || *value > INT32_MAX) {
        r_.diagnostics.error("N0407", expr.where, fmt::format("a batch of {} samples", *value)).help = "it reaches from 1 to 2147483647";
        return;
      }
      numbers.push_back(*value);
    }
    r_.graph.train.batch = numbers.back();
    if (numbers.size() == 2) r_.graph.train.micro_steps = numbers[0];
    r_.batch_given = true;
  }

  void recompute(const ast::Layer& layer) {
    for (const ast::Item& item : layer.items) {
      const bool name = item.kind == ast::Item::Kind::expr && item.values[0].kind == ast::Expr::Kind::name;
      if (!name) {
        r_.diagnostics.error("N0412", item.where, "`recompute` wants labels").help = "write recompute LABEL, or recompute auto";
        continue;
      }
      r_.recompute.push_back({item.values[0].text, item.where});
    }
    if (layer.items.empty())
      r_.diagnostics.error("N0412", layer.verb.where, "`recompute` wants labels").help = "write recompute LABEL, or recompute auto";
  }

  Resolver& r_;
  Surroundings around_;
  std::vector<std::pair<std::string_view, Location>> claimed_;
};

void assume(Resolver& r, std::string_view code, const std::string& what, const std::string& help) {
  r.diagnostics.note(code, r.graph.train.given ? r.graph.train.where : Location{}, "assumed: " + what).help = help;
}

void assume_data(Resolver& r) {
  if (r.graph.vocabulary > 0)
    assume(r, "N0808", "data from arithmetic, generated lines such as (3+4)*2=14", "name a reader: input 64 tokens 256 from bytes \"FILE\"");
  else
    assume(r, "N0808", "data from shapes, pictures drawn on the fly", "name a reader: input 28x28x1 from idx \"DIR\"");
}

}  // namespace

void run_train(Resolver& r, const ast::Statement& statement, const ast::Train& train) {
  if (r.graph.train.given) {
    r.diagnostics.error("N0413", statement.where, "a second `train`").notes.push_back({"the first stands", r.graph.train.where});
    return;
  }
  r.graph.train.given = true;
  r.graph.train.where = statement.where;
  Trainer trainer(r);
  for (const ast::Statement& each : train.block.statements) {
    const auto* action = std::get_if<ast::Action>(&each.body);
    if (action != nullptr && !action->label && action->counts.empty() && !action->block && action->layer.branches.empty())
      trainer.run(action->layer);
    else if (!std::holds_alternative<ast::Broken>(each.body))
      r.diagnostics.error("N0408", each.where, "only settings stand in `train`").help = "write train { sgd 0.1 momentum 0.9; batch 64; epochs 10 }";
  }
}

void check_recompute(Resolver& r) {
  for (const ast::Name& name : r.recompute) {
    TrainSettings& train = r.graph.train;
    const auto label = r.top.labels.find(name.text);
    if (label != r.top.labels.end()) {
      label->second.used = true;
      train.recompute.insert(train.recompute.end(), label->second.layers.begin(), label->second.layers.end());
    } else if (name.text == "auto") {
      train.recompute_auto = true;
    } else if (!r.unknown) {
      r.diagnostics.error("N0412", name.where, fmt::format("there is no label `{}`", name.text)).help = "label a statement: NAME: layer";
    }
  }
}

void complete_train(Resolver& r) {
  TrainSettings& t = r.graph.train;
  if (r.options.batch) {
    t.batch = *r.options.batch;
  } else if (!r.batch_given) {
    assume(r, "N0803", "batch 1", "say another with train { batch 64 } or --batch 64");
  }
  if (t.dtype != "fp32") {
    assume(r, "N0806", fmt::format("fp32: `{}` is not there yet, so the bytes and the arithmetic are float32's", t.dtype), "write fp32 to say so");
    t.dtype = "fp32";
  }
  if (t.recompute_auto && !r.options.fits)
    assume(r, "N0807", "nothing is made again in the backward pass: `recompute auto` leaves that to --fit", "say how much memory there is: --fit 8GiB");
  if (!r.graph.loss.valid()) return;
  if (r.graph.data.reader.empty()) assume_data(r);
  if (!r.optimizer_given) assume(r, "N0805", "sgd 0.01 without momentum, which keeps no state", "name an optimiser: train { adamw 1e-3 }");
  if (t.epochs > 0 || t.steps > 0) return;
  t.epochs = 1;
  assume(r, "N0804", "epochs 1", "say another with train { epochs 10 } or --epochs 10");
}

}  // namespace netc::resolving
