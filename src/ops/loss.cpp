// The losses, fused with their gradients: the forward call leaves the gradient of the mean loss where the scores were.
// Kernels: loss_softmax, loss_bce, loss_mse and their _evaluate.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer_any(const InferContext& context) {
  if (!check_rows(context)) return std::nullopt;
  return context.inputs[0];
}

std::optional<Shape> infer_softmax(const InferContext& context) {
  const double smooth = context.args.number("smooth", 0);
  if (!check_number(context, "smooth", smooth, smooth >= 0 && smooth < 1, "to be at least 0 and below 1")) return std::nullopt;
  if (channels(context.inputs[0]) < 2) {
    Diagnostic& error = context.error("N0310", "`loss softmax` needs at least 2 scores, the network leaves " + shape_text(context.inputs[0]));
    note_origin(context, error);
    error.help = "use `loss bce` for one yes-or-no score";
    return std::nullopt;
  }
  return infer_any(context);
}

Desc desc_of(const LayerInfo& info) {
  Desc desc{"LossDesc", {}};
  desc.add_per_sample("n", 1).add("rows_per_sample", rows(info.inputs[0])).add("cols", channels(info.inputs[0]));
  desc.add("micro_steps", 1);  // the number of micro-steps of a training run is put in where it is known
  desc.add_real("smooth", info.args.number("smooth", 0));
  return desc;
}

enum class Kind { softmax, bce, mse };

struct Kernels {
  Literal train, evaluate;
};

template <Kind kind>
constexpr Kernels kernels() {
  if (kind == Kind::softmax) return {"loss_softmax", "loss_softmax_evaluate"};
  if (kind == Kind::bce) return {"loss_bce", "loss_bce_evaluate"};
  return {"loss_mse", "loss_mse_evaluate"};
}

template <Kind kind>
std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  KernelCall forward{.kernel = kernels<kind>().train, .outputs = {y, metrics}, .inputs = {x(), label}, .desc = desc_of(info), .in_place = true,
                     .mixes_samples = true};
  return {{.forward = std::move(forward), .aux = {}, .backward = {}}};
}

template <Kind kind>
KernelCall evaluate(const LayerInfo& info) {
  using namespace operand;
  return {.kernel = kernels<kind>().evaluate, .outputs = {metrics}, .inputs = {x(), label}, .desc = desc_of(info), .mixes_samples = true};
}

TorchLayer torch_softmax(const LayerInfo& info) {
  const double smooth = info.args.number("smooth", 0);
  const Shape& shape = info.inputs[0];
  const bool flat = rows(shape) == 1 && shape.size() > 1;  // one row of scores, one class a sample
  const std::string scores = flat ? "{0}.flatten(1)" : shape.size() == 2 ? "{0}.transpose(1, 2)" : "{0}";
  return torch_expression("F.cross_entropy(" + scores + ", {1}" + (smooth > 0 ? ", label_smoothing=" + number_text(smooth) : "") + ")");
}

TorchLayer torch_bce(const LayerInfo&) { return torch_expression("F.binary_cross_entropy_with_logits({0}, {1})"); }

TorchLayer torch_mse(const LayerInfo&) { return torch_expression("F.mse_loss({0}, {1})"); }

/// log_softmax and the negative logarithm of the class; with smoothing the mean of all logarithms beside it.
std::vector<EagerCall> eager_softmax(const LayerInfo& info) {
  using namespace eager;
  const Extent row = batched(rows(info.inputs[0])), one = once(1);
  std::vector<EagerCall> calls{pointwise(x(), of(info.inputs[0]), {result}),
                               {.inputs = {{made(0)}}, .bytes = one, .saves = {made(0), target}, .kept = {{"the sum of weights", one}}}};
  if (info.args.number("smooth", 0) == 0) return calls;
  const EagerKept mask{"which classes count", batched(rows(info.inputs[0]), 1)};
  calls.push_back({.inputs = {{made(0), EagerGradient::part}}, .bytes = row});
  calls.push_back({.inputs = {{made(2)}}, .bytes = row, .kept = {mask}});
  calls.push_back({.inputs = {{made(3)}}, .bytes = row, .saves = {made(3)}, .kept = {mask}});
  calls.push_back({.inputs = {{made(4)}}, .bytes = one});
  calls.push_back(sum(made(1), made(5), one));
  return calls;
}

/// `scratch` and `backward_scratch` tensors of the scores' size come and go.
template <int scratch, int backward_scratch>
std::vector<EagerCall> eager_elementwise(const LayerInfo& info) {
  using namespace eager;
  const Size values = elements(info.inputs[0]);
  return {{.inputs = {{x()}}, .bytes = once(1), .saves = {x(), target}, .scratch = batched(values * Size(scratch)),
           .backward_scratch = batched(values * Size(backward_scratch))}};
}

/// For each score. softmax: maximum, difference, exp, sum, quotient; bce: exp, log and 4 more; mse: difference, square, sum.
template <int per_element>
Size flops(const LayerInfo& info) {
  return elements(info.inputs[0]) * Size(per_element);
}

}  // namespace

const OpDef& loss_softmax() {
  static const OpDef row{
      .name = "softmax",
      .summary = "Softmax and cross-entropy against a class for each row of scores, averaged over rows and samples.",
      .args = std::vector<ArgSpec>{word("smooth", ArgKind::number, "0", "share of the target spread evenly over all classes")},
      .branches = std::pair{0, 0},
      .infer = infer_softmax,
      .other_flops = flops<5>,
      .lower = lower<Kind::softmax>,
      .evaluate = evaluate<Kind::softmax>,
      .torch = torch_softmax,
      .eager = eager_softmax,
      .is_loss = true,
      .examples = std::vector<Example>{{"loss softmax", {5}}, {"loss softmax smooth 0.1", {2, 3, 4}}},
  };
  return row;
}

const OpDef& loss_bce() {
  static const OpDef row{
      .name = "bce",
      .summary = "Sigmoid and binary cross-entropy against a target in [0, 1] for each score, averaged over all scores.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{0, 0},
      .infer = infer_any,
      .other_flops = flops<6>,
      .lower = lower<Kind::bce>,
      .evaluate = evaluate<Kind::bce>,
      .torch = torch_bce,
      .eager = eager_elementwise<2, 1>,  // the logarithm of the sigmoid and its factor; the sigmoid
      .is_loss = true,
      .examples = std::vector<Example>{{"loss bce", {1}}, {"loss bce", {4, 4, 2}}},
  };
  return row;
}

const OpDef& loss_mse() {
  static const OpDef row{
      .name = "mse",
      .summary = "The mean of the squared differences to the target, over all values.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{0, 0},
      .infer = infer_any,
      .other_flops = flops<3>,
      .lower = lower<Kind::mse>,
      .evaluate = evaluate<Kind::mse>,
      .torch = torch_mse,
      .eager = eager_elementwise<1, 0>,  // the squares before their mean
      .is_loss = true,
      .examples = std::vector<Example>{{"loss mse", {5}}, {"loss mse", {4, 4, 2}}},
  };
  return row;
}

}  // namespace netc::ops
