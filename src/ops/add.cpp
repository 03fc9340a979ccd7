// add: the sum of branches. Kernel: add_forward, once for every branch after the first; the gradient passes through.
#include "ops/branches.h"
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const Shape& first = context.inputs[0];
  std::vector<size_t> wrong;
  for (size_t i = 1; i < context.inputs.size(); ++i) {
    if (context.inputs[i] != first) wrong.push_back(i);
  }
  if (wrong.empty()) return first;
  report_mismatch(context, wrong, mismatch_help(first, context.inputs[wrong[0]], wrong[0]));
  return std::nullopt;
}

int parts(const LayerInfo& info) { return static_cast<int>(info.inputs.size()) - 1; }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const bool last = info.part == parts(info) - 1;  // a fused activation applies to the whole sum
  Desc desc{"AddDesc", {}};
  desc.add_per_sample("count", elements(info.output).value());
  desc.add_activation(last ? info.activation : Activation::none, last ? info.alpha : 0);
  const Operand left = info.part == 0 ? x(0) : prev, dleft = info.part == 0 ? dx(0) : dprev;
  const int right = info.part + 1;
  const auto pass = [](Operand to) {
    return KernelCall{.kernel = "", .outputs = {to}, .inputs = {dy}, .desc = {}, .purpose = "the gradient passed through"};
  };
  return {{.forward = {.kernel = "add_forward", .outputs = {y}, .inputs = {left, x(right)}, .desc = desc, .in_place = true,
                       .in_place_input = -1},
           .aux = {},
           .backward = {pass(dleft), pass(dx(right))}}};
}

TorchLayer torch(const LayerInfo& info) {
  std::string sum = "{0}";
  for (size_t i = 1; i < info.inputs.size(); ++i) sum += " + {" + std::to_string(i) + "}";
  return torch_expression(sum);
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  std::vector<EagerCall> calls{sum(x(0), x(1), of(info.output))};
  for (int i = 2; i < static_cast<int>(info.inputs.size()); ++i) calls.push_back(sum(made(i - 2), x(i), of(info.output)));
  return calls;
}

}  // namespace

const OpDef& add() {
  static const OpDef row{
      .name = "add",
      .summary = "The sum of branches of equal shapes; every branch starts from the current tensor, `{}` is the tensor itself.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{2, 16},
      .infer = infer,
      .parts = parts,  // other_flops: one addition an element, the default
      .lower = lower,
      .fuse_activation = FuseActivation::by_output,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"add {} { conv 3 3x3 pad }", {4, 4, 3}}, {"add { fc 5 } { fc 5; tanh } { fc 5; sigmoid }", {6}}},
  };
  return row;
}

}  // namespace netc::ops
