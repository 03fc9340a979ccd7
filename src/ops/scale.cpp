// scale: a learned factor for each channel (layer scale, Touvron et al. 2021). Kernels: scale_forward, scale_backward_weights.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  if (!check_rows(context)) return std::nullopt;
  return context.inputs[0];
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  return {{.suffix = "gain", .shape = {channels(info.output)}, .role = ParamRole::norm, .init = {InitKind::constant, info.args.number("init", 1)}}};
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"ScaleDesc", {}};
  desc.add_per_sample("rows", rows(info.output)).add("c", channels(info.output));
  KernelCall gain{.kernel = "scale_backward_weights", .outputs = {dparam(0)}, .inputs = {x(), dy}, .desc = desc, .workspace = true,
                  .purpose = "the gradient of the factors"};
  KernelCall data{.kernel = "scale_forward", .outputs = {dx()}, .inputs = {dy, param(0)}, .desc = desc, .in_place = true,
                  .purpose = "the data gradient"};
  return {{.forward = {.kernel = "scale_forward", .outputs = {y}, .inputs = {x(), param(0)}, .desc = desc, .in_place = true},
           .aux = {},
           .backward = {std::move(gain), std::move(data)}}};
}

constexpr const char* kScale = R"(class Scale(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, channels, init=1.0):
        super().__init__()
        self.gain = nn.Parameter(torch.full((channels,), init))

    def forward(self, x):
        return x * (self.gain[:, None, None] if x.dim() == 4 else self.gain)
)";

TorchLayer torch(const LayerInfo& info) {
  const double init = info.args.number("init", 1);
  return {.module = "Scale(" + std::to_string(channels(info.output)) + (init == 1 ? ")" : ", " + torch_real(init) + ")"),
          .call = "{m}({0})",
          .tensors = {{.attribute = "gain"}},
          .helper = kScale};
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  const Extent whole = of(info.output);
  return {{.inputs = {{x()}, {param(0)}}, .bytes = whole, .saves = {x()}, .backward_scratch = whole}};
}

}  // namespace

const OpDef& scale() {
  static const OpDef row{
      .name = "scale",
      .summary = "Multiplies each channel by a learned factor.",
      .args = std::vector<ArgSpec>{word("init", ArgKind::number, "1", "value the factors start from")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .lower = lower,  // other_flops: one product an element, the default
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"scale", {4, 4, 3}}, {"scale init 0.1", {6}}},
  };
  return row;
}

}  // namespace netc::ops
