// cls: a learned token before the others (Devlin et al. 2018; Dosovitskiy et al. 2020). Kernels: cls_forward, cls_backward_weights; the
// gradient of the other tokens is a shift by one, place_forward.
#include "ops/eager.h"
#include "ops/place.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  if (!check_sequence(context) || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  const Shape output{context.inputs[0][0] + 1, channels(context.inputs[0])};
  if (!check_shape(context, "its output", output)) return std::nullopt;
  return output;
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  const int64_t c = channels(info.output);
  return {{.suffix = "w", .shape = {1, c}, .init = {}, .fan_in = 1, .fan_out = c, .torch = Init{InitKind::constant, 0}}};
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const int64_t t = info.inputs[0][0], c = channels(info.output);
  Desc desc{"ClsDesc", {}};
  desc.add_per_sample("n", 1).add("t", t).add("c", c);
  return {{.forward = {.kernel = "cls_forward", .outputs = {y}, .inputs = {x(), param(0)}, .desc = desc},
           .aux = {},
           .backward = {{.kernel = "cls_backward_weights", .outputs = {dparam(0)}, .inputs = {dy}, .desc = desc, .purpose = "the weight gradient",
                         .work = {.touches = c}},
                        {.kernel = "place_forward", .outputs = {dx()}, .inputs = {dy}, .desc = place_desc({t + 1, 1, c}, {t, 1, c}, -1, 0),
                         .purpose = "the gradient, shifted back", .work = {.touches = t * c}}}}};
}

constexpr const char* kClassToken = R"(class ClassToken(nn.Module):
    """A learned token before the others."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, channels))

    def forward(self, x):
        return torch.cat([self.weight.expand(x.shape[0], 1, -1), x], 1)
)";

TorchLayer torch(const LayerInfo& info) {
  return {.module = "ClassToken(" + std::to_string(channels(info.output)) + ")",
          .call = "{m}({0})",
          .tensors = torch_weight_bias(false),
          .helper = kClassToken};
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  return {{.inputs = {{x(), EagerGradient::part}, {param(0)}}, .bytes = of(info.output), .any_layout = true}};
}

}  // namespace

const OpDef& cls() {
  static const OpDef row{
      .name = "cls",
      .summary = "A learned class token before the others: T x C becomes (T+1) x C. `first` reads it at the end.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .other_flops = no_flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"cls", {4, 3}}, {"cls", {1, 5}}},
  };
  return row;
}

}  // namespace netc::ops
