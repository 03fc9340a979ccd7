// `input`, `loss`, `init` and `seed`.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ops/common.h"
#include "ops/table.h"
#include "passes/resolve_state.h"
#include "passes/suggest.h"

namespace netc::resolving {
namespace {

struct ReaderRow {
  std::string_view name;
  bool numbers, tokens;  ///< which inputs it serves
  bool files = true;     ///< it reads files, so it may have a path
};
constexpr std::array kReaders = {ReaderRow{"idx", true, false},   ReaderRow{"cifar10", true, false},       ReaderRow{"folder", true, false},
                                 ReaderRow{"npy", true, true},    ReaderRow{"shapes", true, false, false}, ReaderRow{"tokens", false, true},
                                 ReaderRow{"bytes", false, true}, ReaderRow{"arithmetic", false, true, false}};

struct AugmentationRow {
  std::string_view name;
  std::vector<ArgSpec> specs;
};

const std::vector<AugmentationRow>& augmentations() {
  static const std::vector<AugmentationRow> rows{
      {"crop",
       {ops::positional("n", ArgKind::integer, "side of the square that is cut out"),
        ops::word("pad", ArgKind::integer, "0", "zeros around the image first")}},
      {"flip", {}},
      {"normalize", {}},  // its numbers depend on the channels
      {"resize", {ops::positional("n", ArgKind::integer, "length of the shorter side")}},
      {"cutout", {ops::positional("n", ArgKind::integer, "side of the square that is blanked")}},
  };
  return rows;
}

/// The sizes of `input 50x50x3`, `input 784` or `input T tokens V`; nothing after a diagnostic.
std::optional<Type> input_type(Resolver& r, const ast::Input& input, const Surroundings& around, Location where) {
  Type type{DType::f32, {}, true};
  std::vector<const ast::Expr*> sizes;
  const auto& items = input.items;
  const auto is_expr = [&](size_t i) { return items[i].kind == ast::Item::Kind::expr; };
  const bool tokens = items.size() == 3 && is_expr(0) && is_expr(1) && is_expr(2) && items[1].values[0].text == "tokens";
  if (tokens) {
    type.dtype = DType::i32;
    sizes = {&items[0].values[0], &items[2].values[0]};
  } else if (items.size() == 1 && items[0].kind == ast::Item::Kind::kernel && items[0].values.size() <= 3 && items[0].stride.empty()) {
    for (const ast::Expr& side : items[0].values) sizes.push_back(&side);
  } else if (items.size() == 1 && is_expr(0)) {
    sizes = {&items[0].values[0]};
  } else {
    r.diagnostics.error("N0402", where, "`input` wants one shape").help =
        "write input 50x50x3 (height x width x channels), input 784, or input 1024 tokens 50257";
    return std::nullopt;
  }
  bool ok = true;
  for (const ast::Expr* size : sizes) {
    const auto value = whole_number(evaluate(*size, around), size->where, "`input`", r.diagnostics);
    ok = ok && value.has_value();
    if (!value) continue;
    if (*value < 1 || *value > INT32_MAX) {
      r.diagnostics.error("N0402", size->where, fmt::format("a size of the input is {}", *value)).help = "sizes reach from 1 to 2147483647";
      ok = false;
    }
    type.shape.push_back(*value);
  }
  if (!ok) return std::nullopt;
  if (tokens) {  // the vocabulary is no size of the tensor
    r.graph.vocabulary = type.shape.back();
    type.shape.pop_back();
  }
  if (!(elements(type.shape) * Size(8)).ok()) {
    r.diagnostics.error("N0309", where, fmt::format("the input is too large: {} values do not fit in 63 bits", shape_text(type.shape)));
    return std::nullopt;
  }
  return type;
}

void warn_channels_first(Resolver& r, const Shape& shape, Location where) {
  if (shape.size() != 3 || (shape[0] != 1 && shape[0] != 3) || shape[1] <= 4 || shape[2] <= 4) return;
  r.diagnostics.warning("N0701", where, fmt::format("the input {} has {} channels", shape_text(shape), shape[2])).help =
      fmt::format("shapes are height x width x channels: write {}x{}x{}", shape[1], shape[2], shape[0]);
}

/// `normalize mean deviation`: one number each, or one a channel.
bool normalize(Resolver& r, const ast::Layer& layer, const Surroundings& around, int64_t channels, Augmentation& out) {
  bool ok = true;
  for (const ast::Item& item : layer.items) {
    ok = ok && item.kind == ast::Item::Kind::expr;
    if (item.kind == ast::Item::Kind::expr) out.numbers.push_back(evaluate(item.values[0], around).real);
  }
  ok = ok && (out.numbers.size() == 2 || static_cast<int64_t>(out.numbers.size()) == 2 * channels);
  for (size_t i = out.numbers.size() / 2; i < out.numbers.size(); ++i) ok = ok && out.numbers[i] > 0;
  if (!ok) {
    r.diagnostics.error("N0407", layer.verb.where, "`normalize` wants a mean and a deviation above 0").help =
        fmt::format("give both once, or {} means and then {} deviations, one a channel", channels, channels);
  }
  return ok;
}

void augmentation(Resolver& r, const ast::Layer& layer, const Surroundings& around, const Shape& shape) {
  const auto& rows = augmentations();
  const auto row = std::ranges::find(rows, std::string_view(layer.verb.text), &AugmentationRow::name);
  if (row == rows.end() || !layer.branches.empty()) {
    Suggestion suggestion(layer.verb.text);
    for (const AugmentationRow& each : rows) suggestion.consider(each.name);
    r.diagnostics.error("N0403", layer.verb.where, fmt::format("unknown augmentation `{}`", layer.verb.text)).help =
        suggestion.text("there are crop, flip, normalize, resize and cutout");
    return;
  }
  Augmentation out{layer.verb.text, {}, layer.verb.where};
  if (row->name == "normalize") {
    if (normalize(r, layer, around, shape.back(), out)) r.graph.data.augmentation.push_back(std::move(out));
    return;
  }
  const Matched matched = match_arguments(layer, layer.verb.text, row->specs, around);
  if (!matched.complete) return;
  for (const ArgSpec& spec : row->specs) {
    const ArgValue* value = matched.args.find(spec.name);
    if (value == nullptr) continue;
    out.numbers.push_back(value->numbers[0]);
    if (value->numbers[0] >= (spec.required ? 1 : 0)) continue;
    r.diagnostics.error("N0407", value->where, fmt::format("`{}` wants {} of at least {}", row->name, spec.name, spec.required ? 1 : 0));
  }
  r.graph.data.augmentation.push_back(std::move(out));
}

/// A reader gives numbers or tokens, and so must the input be.
void check_reader(Resolver& r, const ast::Input& input) {
  const auto reader = std::ranges::find(kReaders, std::string_view(r.graph.data.reader), &ReaderRow::name);
  if (reader == kReaders.end()) return;
  const bool tokens = r.graph.vocabulary > 0;
  if (tokens ? reader->tokens : reader->numbers) {
    if (tokens && input.augmentation)
      r.diagnostics.error("N0403", input.reader->where, "token ids cannot be augmented").help = "remove the braces";
    return;
  }
  r.diagnostics
      .error("N0414", input.reader->where,
             fmt::format("`{}` gives {}, the input is {}", reader->name, tokens ? "numbers" : "token ids", tokens ? "token ids" : "numbers"))
      .help = tokens ? "token ids come from tokens, bytes, arithmetic or npy" : "write input 1024 tokens 50257 for sequences of 1024 ids below 50257";
}

void data_source(Resolver& r, const ast::Input& input, const Surroundings& around, const Shape& shape) {
  if (!input.reader) return;
  const auto reader = std::ranges::find(kReaders, std::string_view(input.reader->text), &ReaderRow::name);
  if (reader == kReaders.end()) {
    Suggestion suggestion(input.reader->text);
    for (const ReaderRow& row : kReaders) suggestion.consider(row.name);
    r.diagnostics.error("N0403", input.reader->where, fmt::format("unknown reader `{}`", input.reader->text)).help =
        suggestion.text("there are idx, cifar10, folder, npy, shapes, tokens, bytes and arithmetic");
    return;
  }
  if (input.path && !reader->files)
    r.diagnostics.error("N0403", input.path->where, fmt::format("`{}` makes its data and reads no file", reader->name)).help = "remove the path";
  r.graph.data.reader = reader->name;
  r.graph.data.path = input.path ? input.path->text : "";
  r.graph.data.where = input.reader->where;
  if (!input.augmentation) return;
  for (const ast::Statement& statement : input.augmentation->statements) {
    const auto* action = std::get_if<ast::Action>(&statement.body);
    if (action != nullptr && !action->label && action->counts.empty() && !action->block)
      augmentation(r, action->layer, around, shape);
    else if (!std::holds_alternative<ast::Broken>(statement.body))
      r.diagnostics.error("N0403", statement.where, "only augmentations stand here").help = "there are crop, flip, normalize, resize and cutout";
  }
}

TargetKind target_kind(const Graph& graph, std::string_view loss, const Shape& scores) {
  if (loss == "softmax") return TargetKind::class_index;
  const Type& input = graph[graph.input].type;
  if (loss == "mse" && input.dtype == DType::f32 && scores == input.shape) return TargetKind::input;
  const Image image = as_image(scores);
  return image.h == 1 && image.w == 1 && image.c > 1 ? TargetKind::one_hot : TargetKind::values;
}

void add_loss_values(Resolver& r, LayerId id) {
  Graph& graph = r.graph;
  const Shape& scores = graph[graph.output].type.shape;
  graph.loss = id;
  graph.target = target_kind(graph, graph[id].op->name.value, scores);
  Value label;
  label.name = "label";
  label.kind = ValueKind::label;
  label.type = {DType::f32, scores, true};
  if (graph.target == TargetKind::class_index) label.type = {DType::i32, {elements(scores).value() / scores.back()}, true};
  graph.label = graph.add(std::move(label));
  Value metrics;
  metrics.name = "metrics";
  metrics.kind = ValueKind::metrics;
  metrics.type = {DType::f64, {3}, false};  // the sums of the loss, of the correct answers, and of the samples
  graph.metrics = graph.add(std::move(metrics));
  r.readers.resize(graph.values.size());
}

/// An activation that the loss applies itself: twice is a mistake that trains, badly.
bool applied_twice(Resolver& r, std::string_view loss, Location where) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> own = {{{"softmax", "softmax"}, {"bce", "sigmoid"}}};
  const LayerId id = r.graph[r.graph.output].layer;
  if (!id.valid()) return false;
  const Layer& last = r.graph[id];
  const bool twice = std::ranges::any_of(own, [&](const auto& pair) { return pair.first == loss && pair.second == last.op->name.value; });
  if (!twice) return false;
  Diagnostic& error = r.diagnostics.error("N0404", last.where, fmt::format("`{}` before `loss {}`, which applies it itself", last.source, loss));
  error.notes.push_back({"the loss stands", where});
  error.help = fmt::format("remove `{}`", last.source);
  return true;
}

void run_loss(Resolver& r, const ast::Setting& setting, Current& current) {
  const ast::Layer& written = setting.layer;
  if (r.loss != nullptr) {
    r.diagnostics.error("N0410", written.verb.where, "a second `loss`").notes.push_back({"the first stands", r.loss->layer.verb.where});
    return;
  }
  r.loss = &setting;
  const bool named = !written.items.empty() && written.items[0].kind == ast::Item::Kind::expr;
  const std::string name = named ? written.items[0].values[0].text : "";
  const OpDef* op = find_loss(name);
  if (op == nullptr) {
    Suggestion suggestion(name);
    for (const OpDef* each : op_table())
      if (each->is_loss) suggestion.consider(each->name);
    const Location where = written.items.empty() ? written.verb.where : written.items[0].where;
    r.diagnostics.error("N0410", where, name.empty() ? "`loss` wants a name" : fmt::format("unknown loss `{}`", name)).help =
        suggestion.text("there are `loss softmax`, `loss bce` and `loss mse`");
    return;
  }
  ast::Layer layer = written;
  layer.items.erase(layer.items.begin());
  const std::string verb = "loss " + name;
  Matched matched = match_arguments(layer, verb, op->args.value, surroundings(r, r.globals, current));
  if (!r.input_where.valid() || !current.value.valid() || !matched.complete) return;
  r.graph.output = current.value;
  if (applied_twice(r, name, written.verb.where)) return;
  const LayerId id =
      add_layer(r, *op, verb, std::move(matched), written.verb.where, {current.value}, [&](size_t) { return origin(r, current.value); },
                unique_name(r, "loss"));
  if (id.valid()) add_loss_values(r, id);
}

void run_init(Resolver& r, const ast::Layer& layer) {
  static const std::vector<ArgSpec> specs{ops::flag("he", "normal, sqrt(2 / fan in)"), ops::flag("xavier", "uniform, sqrt(6 / (fan in + fan out))"),
                                          ops::word("normal", ArgKind::number, "", "normal with this standard deviation")};
  const Matched matched = match_arguments(layer, "init", specs, {r.globals, nullptr, true, r.diagnostics});
  if (!matched.complete) return;
  if (matched.args.all().size() != 1) {
    r.diagnostics.error("N0411", layer.verb.where, "`init` wants one initialiser").help = "write `init he`, `init xavier` or `init normal 0.02`";
    return;
  }
  const auto& [name, value] = matched.args.all()[0];
  Init init{name == "he" ? InitKind::he : name == "xavier" ? InitKind::xavier : InitKind::normal, 0};
  if (init.kind == InitKind::normal) {
    init.value = value.numbers[0];
    if (!(init.value >= 0)) r.diagnostics.error("N0407", value.where, "a standard deviation is not below 0");
  }
  r.inits.push_back({init, r.graph.layers.size()});
}

void run_seed(Resolver& r, const ast::Layer& layer) {
  static const std::vector<ArgSpec> specs{ops::positional("n", ArgKind::integer, "the seed")};
  const Matched matched = match_arguments(layer, "seed", specs, {r.globals, nullptr, true, r.diagnostics});
  if (!matched.complete) return;
  if (matched.args.integer("n") < 0) {
    r.diagnostics.error("N0407", layer.verb.where, "a seed is not below 0");
    return;
  }
  r.graph.seed = static_cast<uint64_t>(matched.args.integer("n"));
}

}  // namespace

void run_input(Resolver& r, const ast::Statement& statement, const ast::Input& input, Current& current) {
  if (r.input_where.valid()) {
    r.diagnostics.error("N0401", statement.where, "a second `input`").notes.push_back({"the first stands", r.input_where});
    return;
  }
  const Surroundings around{r.globals, nullptr, true, r.diagnostics};
  auto type = input_type(r, input, around, statement.where);
  if (type && !r.options.input.empty()) type->shape = r.options.input;
  r.input_where = statement.where;
  data_source(r, input, around, type ? type->shape : Shape{1});
  if (!type) return;
  check_reader(r, input);
  warn_channels_first(r, type->shape, input.items[0].where);
  Value value;
  value.name = "input";
  value.kind = ValueKind::input;
  value.type = *type;
  r.layer_names.insert({"input", "label", "metrics"});
  current.value = r.graph.input = r.graph.add(std::move(value));
  r.readers.resize(r.graph.values.size());
}

void run_setting(Resolver& r, const ast::Setting& setting, Current& current) {
  const std::string& keyword = setting.layer.verb.text;
  if (keyword == "loss") return run_loss(r, setting, current);
  if (keyword == "init") return run_init(r, setting.layer);
  run_seed(r, setting.layer);
}

}  // namespace netc::resolving
