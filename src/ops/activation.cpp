// The activations: one small row each. Kernels: act_forward and its three backward kernels.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

/// What the backward kernels can take the gradient from (runtime/kernels.h lists them by activation).
enum class Keeps { output_or_mask, output, input };

Keeps keeps(Activation kind) {
  switch (kind) {
    case Activation::relu:
    case Activation::relu6:
    case Activation::leaky:
    case Activation::hardsigmoid:
      return Keeps::output_or_mask;
    case Activation::elu:
    case Activation::sigmoid:
    case Activation::tanh:
      return Keeps::output;
    default:
      return Keeps::input;
  }
}

template <Activation kind>
std::pair<Activation, double> plain(const Args&) {
  return {kind, 0};
}

std::pair<Activation, double> leaky_of(const Args& args) { return {Activation::leaky, args.number("slope", 0.01)}; }
std::pair<Activation, double> elu_of(const Args& args) { return {Activation::elu, args.number("scale", 1)}; }
std::pair<Activation, double> gelu_of(const Args& args) {
  return {args.has("tanh") ? Activation::gelu_tanh : Activation::gelu_erf, 0};
}

// A negative slope would let two inputs share one output: the gradient could not be taken from the output.
std::optional<Shape> infer_leaky(const InferContext& context) {
  const double slope = leaky_of(context.args).second;
  if (!check_number(context, "slope", slope, slope >= 0, "to be at least 0")) return std::nullopt;
  return context.inputs[0];
}

std::optional<Shape> infer_elu(const InferContext& context) {
  const double scale = elu_of(context.args).second;
  if (!check_number(context, "scale", scale, scale > 0, "to be above 0")) return std::nullopt;
  return context.inputs[0];
}

std::optional<Shape> infer_gelu(const InferContext& context) {
  if (!check_exclusive(context, "tanh", "erf")) return std::nullopt;
  return context.inputs[0];
}

template <std::pair<Activation, double> (*kind_of)(const Args&)>
std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const auto [kind, alpha] = kind_of(info.args);
  Desc desc{"ActDesc", {}};
  desc.add_per_sample("count", elements(info.output).value()).add_activation(kind, alpha);
  const KernelCall forward{.kernel = "act_forward", .outputs = {y, none}, .inputs = {x()}, .desc = desc, .in_place = true};
  const KernelCall backward{.kernel = "", .outputs = {dx()}, .inputs = {}, .desc = desc, .in_place = true, .in_place_input = 1,
                            .purpose = "the activation's gradient"};
  auto way = [&](Literal kernel, Operand kept) {
    Alternative alternative{forward, {}, {backward}};
    alternative.backward[0].kernel = kernel;
    alternative.backward[0].inputs = {kept, dy};
    return alternative;
  };
  if (keeps(kind) == Keeps::input) return {way("act_backward_from_input", x())};
  std::vector<Alternative> ways{way("act_backward_from_output", y)};
  if (keeps(kind) == Keeps::output) return ways;
  ways.push_back(way("act_backward_from_mask", aux(0)));
  ways.back().forward.outputs[1] = aux(0);
  ways.back().aux = {{"mask", {DType::bit, info.output, true}, "one bit an element: where the slope is not that of its off side"}};
  return ways;
}

template <std::pair<Activation, double> (*kind_of)(const Args&)>
Size flops(const LayerInfo& info) {
  return elements(info.output) * Size(activation_flops(kind_of(info.args).first));
}

// PyTorch's functions; arrays, so that a template can take them.
constexpr char kRelu[] = "F.relu({0})";
constexpr char kRelu6[] = "F.relu6({0})";
constexpr char kSilu[] = "F.silu({0})";
constexpr char kSigmoid[] = "torch.sigmoid({0})";
constexpr char kTanh[] = "torch.tanh({0})";
constexpr char kHardswish[] = "F.hardswish({0})";
constexpr char kHardsigmoid[] = "F.hardsigmoid({0})";

/// A twin that is one function of PyTorch.
template <const char* function>
TorchLayer torch_function(const LayerInfo&) {
  return torch_expression(function);
}

TorchLayer torch_leaky(const LayerInfo& info) { return torch_expression("F.leaky_relu({0}, " + number_text(leaky_of(info.args).second) + ")"); }

TorchLayer torch_elu(const LayerInfo& info) { return torch_expression("F.elu({0}, " + number_text(elu_of(info.args).second) + ")"); }

TorchLayer torch_gelu(const LayerInfo& info) {
  return torch_expression(info.args.has("tanh") ? "F.gelu({0}, approximate=\"tanh\")" : "F.gelu({0})");
}

/// relu in place, as torchvision's models have it; the others beside their input. relu6 in place keeps a copy of its input: the same bytes.
template <std::pair<Activation, double> (*kind_of)(const Args&)>
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  const Activation kind = kind_of(info.args).first;
  const bool by_result = kind == Activation::relu || kind == Activation::sigmoid || kind == Activation::tanh;
  EagerCall call = eager::pointwise(eager::x(), eager::of(info.output), {by_result ? eager::result : eager::x()});
  if (kind == Activation::relu) call.result = EagerResult::over;
  return {call};
}

using Infer = std::optional<Shape> (*)(const InferContext&);
using Torch = TorchLayer (*)(const LayerInfo&);

template <std::pair<Activation, double> (*kind_of)(const Args&)>
OpDef row(std::string_view name, std::string_view summary, std::vector<ArgSpec> args, Infer infer, Torch torch,
          std::vector<Example> examples) {
  return {.name = name,
          .summary = summary,
          .args = std::move(args),
          .branches = std::pair{0, 0},
          .infer = infer,
          .other_flops = flops<kind_of>,
          .lower = lower<kind_of>,
          .activation = kind_of,
          .torch = torch,
          .eager = eager_calls<kind_of>,
          .examples = std::move(examples)};
}

template <Activation kind, const char* function>
OpDef plain_row(std::string_view name, std::string_view summary) {
  return row<plain<kind>>(name, summary, {}, same_shape, torch_function<function>, {{name, {4, 4, 3}}, {name, {7}}});
}

}  // namespace

const OpDef& relu() {
  static const OpDef def = plain_row<Activation::relu, kRelu>("relu", "max(x, 0).");
  return def;
}

const OpDef& relu6() {
  static const OpDef def = plain_row<Activation::relu6, kRelu6>("relu6", "min(max(x, 0), 6).");
  return def;
}

const OpDef& leaky() {
  static const OpDef def = row<leaky_of>(
      "leaky", "x where x > 0, else slope * x.",
      {optional_positional("slope", ArgKind::number, "0.01", "slope of the negative side")}, infer_leaky, torch_leaky,
      {{"leaky", {4, 4, 3}}, {"leaky 0.2", {7}}});
  return def;
}

const OpDef& elu() {
  static const OpDef def = row<elu_of>(
      "elu", "x where x > 0, else scale * (exp(x) - 1).",
      {optional_positional("scale", ArgKind::number, "1", "scale of the negative side")}, infer_elu, torch_elu,
      {{"elu", {4, 4, 3}}, {"elu 0.5", {7}}});
  return def;
}

const OpDef& gelu() {
  static const OpDef def = row<gelu_of>(
      "gelu", "x * P(N(0, 1) < x), by erf or by its tanh approximation.",
      {flag("erf", "exact (the default)"), flag("tanh", "the approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))")}, infer_gelu, torch_gelu,
      {{"gelu", {4, 4, 3}}, {"gelu tanh", {3, 4}}});
  return def;
}

const OpDef& silu() {
  static const OpDef def = plain_row<Activation::silu, kSilu>("silu", "x / (1 + exp(-x)).");
  return def;
}

const OpDef& sigmoid() {
  static const OpDef def = plain_row<Activation::sigmoid, kSigmoid>("sigmoid", "1 / (1 + exp(-x)).");
  return def;
}

const OpDef& tanh() {
  static const OpDef def = plain_row<Activation::tanh, kTanh>("tanh", "The hyperbolic tangent.");
  return def;
}

const OpDef& hardswish() {
  static const OpDef def = plain_row<Activation::hardswish, kHardswish>("hardswish", "x * min(max(x + 3, 0), 6) / 6.");
  return def;
}

const OpDef& hardsigmoid() {
  static const OpDef def = plain_row<Activation::hardsigmoid, kHardsigmoid>("hardsigmoid", "min(max(x + 3, 0), 6) / 6.");
  return def;
}

}  // namespace netc::ops
