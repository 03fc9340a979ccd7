#include "ops/eager.h"
#include "ops/recurrent.h"

#include <fmt/format.h>

#include <cmath>

#include "ops/torch.h"

namespace netc::ops {
namespace {

/// More are never meant, and each becomes two kernel calls.
constexpr int64_t kMostLayers = 1000;

struct Sizes {
  int64_t t, c, hidden, layers, directions;

  /// Values of a token that layer `layer` reads, and that every layer leaves.
  int64_t in(int64_t layer) const { return layer == 0 ? c : out(); }
  int64_t out() const { return directions * hidden; }
};

Sizes sizes_of(const Args& args, const Shape& input) {
  return {input[0], input[1], args.integer("hidden", 1), args.integer("layers", 1), args.has("bidirectional") ? 2 : 1};
}

Sizes sizes_of(const LayerInfo& info) { return sizes_of(info.args, info.inputs[0]); }

/// Parameters of one layer: w_ih, w_hh and, with biases, b_ih, b_hh. A direction's rows follow the other's.
int first_param(const LayerInfo& info, int64_t layer) { return static_cast<int>(layer * (info.has_bias ? 4 : 2)); }

std::string named(int64_t layer, std::string_view suffix) { return fmt::format("l{}.{}", layer, suffix); }

Desc recurrent_desc(const Sizes& sizes) {
  Desc desc{"RecurrentDesc", {}};
  return desc.add_per_sample("n", 1).add("t", sizes.t).add("hidden", sizes.hidden).add("directions", sizes.directions);
}

/// For each token and direction: every gate of every unit sums over `terms` values.
Size layer_macs(const Sizes& sizes, const RecurrentCell& cell, int64_t terms) {
  return Size(sizes.t) * Size(sizes.directions) * Size(cell.gates * sizes.hidden) * Size(terms);
}

/// What every token adds to the gates of all directions, without the state: one product for all of time.
Alternative projection(const LayerInfo& info, const RecurrentCell& cell, int64_t layer) {
  using namespace operand;
  const Sizes sizes = sizes_of(info);
  Desc desc{"FcDesc", {}};
  desc.add_per_sample("rows", sizes.t).add("in", sizes.in(layer)).add("out", sizes.directions * cell.gates * sizes.hidden);
  desc.add_activation(Activation::none, 0);
  const int first = first_param(info, layer);
  const Work work{.macs = layer_macs(sizes, cell, sizes.in(layer)).value()};
  const Operand input = layer == 0 ? x() : prev, dinput = layer == 0 ? dx() : dprev;
  const Operand b = info.has_bias ? param(first + 2) : none, db = info.has_bias ? dparam(first + 2) : none;
  return {.forward = {.kernel = "fc_forward", .outputs = {y}, .inputs = {input, param(first), b}, .desc = desc, .workspace = true,
                      .work = work},
          .aux = {},
          .backward = {{.kernel = "fc_backward_weights", .outputs = {dparam(first), db}, .inputs = {input, dy}, .desc = desc, .workspace = true,
                        .purpose = "the weight gradient", .work = work},
                       {.kernel = "fc_backward_data", .outputs = {dinput}, .inputs = {dy, param(first)}, .desc = desc, .workspace = true,
                        .purpose = "the data gradient", .work = work}}};
}

/// The gates take the bytes of the projection, and their gradients those of the gates. Backward there are two products: with the state's weight, and for its
/// gradient.
Alternative recurrence(const LayerInfo& info, const RecurrentCell& cell, int64_t layer) {
  using namespace operand;
  const Sizes sizes = sizes_of(info);
  const Desc desc = recurrent_desc(sizes);
  const int first = first_param(info, layer);
  const int64_t macs = layer_macs(sizes, cell, sizes.hidden).value();
  const Operand w = param(first + 1), b = info.has_bias ? param(first + 3) : none, db = info.has_bias ? dparam(first + 3) : none;
  const Type gates{DType::f32, {sizes.t, sizes.directions * cell.gates * sizes.hidden}, true}, kept{DType::f32, {sizes.t, sizes.out()}, true};
  return {.forward = {.kernel = cell.forward, .outputs = {aux(0), y, aux(1)}, .inputs = {prev, w, b}, .desc = desc, .in_place = true,
                      .workspace = true, .work = {.macs = macs}},
          .aux = {{named(layer, "activated"), gates, cell.gates_what}, {named(layer, cell.kept), kept, cell.kept_what}},
          .backward = {{.kernel = cell.backward, .outputs = {dprev, dparam(first + 1), db}, .inputs = {aux(0), aux(1), y, w, dy},
                        .desc = desc, .in_place = true, .workspace = true, .purpose = "the gradient through time",
                        .work = {.macs = 2 * macs}}}};
}

}  // namespace

std::vector<ArgSpec> recurrent_args() {
  return {positional("hidden", ArgKind::integer, "values of the state, which is the output"),
          word("layers", ArgKind::integer, "1", "how many layers, each over the output of the one before"),
          flag("bidirectional", "a second direction, from the last token to the first, beside the first one: twice the output"), nobias_flag()};
}

std::optional<Shape> recurrent_infer(const InferContext& context, const RecurrentCell& cell) {
  bool ok = check_integers(context, "hidden", 1);
  const int64_t layers = context.args.integer("layers", 1);
  ok = check_number(context, "layers", static_cast<double>(layers), layers >= 1 && layers <= kMostLayers,
                    "to be between 1 and " + std::to_string(kMostLayers)) && ok;
  if (!check_sequence(context) || !ok) return std::nullopt;
  const Sizes sizes = sizes_of(context.args, context.inputs[0]);
  const int64_t rows = sizes.directions * cell.gates * sizes.hidden, in = std::max(sizes.c, sizes.layers > 1 ? sizes.out() : sizes.hidden);
  if (!check_shape(context, "its weight", {rows, in}) || !check_shape(context, "its gates", {sizes.t, rows})) return std::nullopt;
  return Shape{sizes.t, sizes.out()};
}

/// As nn.LSTM and nn.GRU: everything starts as U(-1/sqrt(hidden), 1/sqrt(hidden)). Fans are those of one direction's matrix.
std::vector<ParamSpec> recurrent_params(const LayerInfo& info, const RecurrentCell& cell) {
  const Sizes sizes = sizes_of(info);
  const int64_t fan_out = cell.gates * sizes.hidden, rows = sizes.directions * fan_out;
  const Init torch{InitKind::uniform, 1 / std::sqrt(static_cast<double>(sizes.hidden))};
  std::vector<ParamSpec> list;
  const auto add = [&](int64_t layer, std::string_view name, Shape shape, ParamRole role, int64_t fan_in) {
    list.push_back({.suffix = named(layer, name), .shape = std::move(shape), .role = role, .init = {}, .fan_in = fan_in, .fan_out = fan_out,
                    .torch = torch});
  };
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    add(layer, "w_ih", {rows, sizes.in(layer)}, ParamRole::weight, sizes.in(layer));
    add(layer, "w_hh", {rows, sizes.hidden}, ParamRole::weight, sizes.hidden);
    if (!info.has_bias) continue;
    add(layer, "b_ih", {rows}, ParamRole::bias, sizes.in(layer));
    add(layer, "b_hh", {rows}, ParamRole::bias, sizes.hidden);
  }
  return list;
}

/// Every layer sums over its input and over the state.
Size recurrent_macs(const LayerInfo& info, const RecurrentCell& cell) {
  const Sizes sizes = sizes_of(info);
  Size sum = 0;
  for (int64_t layer = 0; layer < sizes.layers; ++layer) sum = sum + layer_macs(sizes, cell, sizes.in(layer)) + layer_macs(sizes, cell, sizes.hidden);
  return sum;
}

/// Each of the two calls of a layer adds a bias to every gate; the recurrence does the rest.
Size recurrent_flops(const LayerInfo& info, const RecurrentCell& cell) {
  const Sizes sizes = sizes_of(info);
  const int64_t bias = info.has_bias ? cell.gates : 0;
  return Size(sizes.t) * Size(sizes.out()) * Size(info.part % 2 == 0 ? bias : cell.unit_flops + bias);
}

int recurrent_parts(const LayerInfo& info) { return static_cast<int>(2 * info.args.integer("layers", 1)); }

PartSpec recurrent_between(const LayerInfo& info, const RecurrentCell& cell) {
  const Sizes sizes = sizes_of(info);
  const int64_t layer = info.part / 2;
  if (info.part % 2 == 0) return {named(layer, "gates"), {sizes.t, sizes.directions * cell.gates * sizes.hidden}};
  return {named(layer, "h"), {sizes.t, sizes.out()}};
}

std::vector<Alternative> recurrent_lower(const LayerInfo& info, const RecurrentCell& cell) {
  const int64_t layer = info.part / 2;
  return {info.part % 2 == 0 ? projection(info, cell, layer) : recurrence(info, cell, layer)};
}

TorchLayer recurrent_torch(const LayerInfo& info, const RecurrentCell& cell) {
  const Sizes sizes = sizes_of(info);
  TorchLayer layer{.module = fmt::format("{}({}, {}", cell.torch_module, sizes.c, sizes.hidden), .call = "{m}({0})[0]"};
  if (sizes.layers > 1) layer.module += fmt::format(", {}", sizes.layers);
  layer.module += ", batch_first=True";
  if (sizes.directions > 1) layer.module += ", bidirectional=True";
  if (!info.has_bias) layer.module += ", bias=False";
  layer.module += ")";
  const int64_t rows = cell.gates * sizes.hidden;
  const std::vector<std::string_view> names =
      info.has_bias ? std::vector<std::string_view>{"weight_ih", "weight_hh", "bias_ih", "bias_hh"} : std::vector<std::string_view>{"weight_ih", "weight_hh"};
  for (int64_t i = 0; i < sizes.layers; ++i) {
    for (size_t which = 0; which < names.size(); ++which) {
      for (int64_t direction = 0; direction < sizes.directions; ++direction) {
        layer.tensors.push_back({.attribute = fmt::format("{}_l{}{}", names[which], i, direction == 0 ? "" : "_reverse"),
                                 .tensor = first_param(info, i) + static_cast<int>(which), .first = direction * rows,
                                 .rows = sizes.directions > 1 ? rows : 0});
      }
    }
  }
  return layer;
}

/// What cuDNN keeps is its own secret: counted as netc's own kernels keep it, the gates and one value more a hidden unit and token, and what
/// lies between the layers.
std::vector<EagerCall> recurrent_eager(const LayerInfo& info, const RecurrentCell& cell) {
  using namespace eager;
  const Sizes sizes = sizes_of(info);
  const Size unit = Size(sizes.t) * Size(sizes.out()), values = unit * Size(sizes.layers * (cell.gates + 2) - 1);
  EagerCall call{.inputs = {{x()}}, .bytes = of(info.output), .saves = {x(), result}, .kept = {{"cuDNN's reserve, about", batched(values)}}};
  const int params = static_cast<int>(recurrent_params(info, cell).size());
  for (int i = 0; i < params; ++i) call.inputs.push_back({param(i)});
  return {call};
}

}  // namespace netc::ops
