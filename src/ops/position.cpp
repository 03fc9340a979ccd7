// position: learned positions, one vector for each place in a sequence. Kernels: position_forward, position_backward_weights.
#include <fmt/format.h>

#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const bool ok = check_integers(context, "positions", 1);
  if (!check_sequence(context) || !ok) return std::nullopt;
  const Shape& input = context.inputs[0];
  const int64_t positions = context.args.integer("positions");
  if (!check_shape(context, "its input", input) || !check_shape(context, "its weight", {positions, channels(input)})) return std::nullopt;
  if (positions < input[0]) {
    Diagnostic& error = error_at(context, "N0310", "positions",
                                 fmt::format("`{}` has {} positions, its input {} tokens", context.verb, positions, input[0]));
    note_origin(context, error);
    error.help = fmt::format("write position {}, or position in.t", input[0]);
    return std::nullopt;
  }
  return input;
}

/// GPT-2's and ViT's first values.
std::vector<ParamSpec> params(const LayerInfo& info) {
  const int64_t positions = info.args.integer("positions"), c = channels(info.output);
  return {{.suffix = "w", .shape = {positions, c}, .init = {}, .fan_in = positions, .fan_out = c, .torch = Init{InitKind::normal, 0.02}}};
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"PositionDesc", {}};
  desc.add_per_sample("n", 1).add("t", info.output[0]).add("c", channels(info.output)).add("positions", info.args.integer("positions"));
  return {{.forward = {.kernel = "position_forward", .outputs = {y}, .inputs = {x(), param(0)}, .desc = desc, .in_place = true},
           .aux = {},
           .backward = {{.kernel = "position_backward_weights", .outputs = {dparam(0)}, .inputs = {dy}, .desc = desc, .purpose = "the weight gradient"},
                        {.kernel = "", .outputs = {dx()}, .inputs = {dy}, .desc = {}, .purpose = "the data gradient"}}}};
}

constexpr const char* kPosition = R"(class Position(nn.Module):
    """A learned vector for each place in a sequence."""

    def __init__(self, positions, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(positions, channels) * 0.02)

    def forward(self, x):
        return x + self.weight[:x.shape[1]]
)";

TorchLayer torch(const LayerInfo& info) {
  return {.module = fmt::format("Position({}, {})", info.args.integer("positions"), channels(info.output)),
          .call = "{m}({0})",
          .tensors = torch_weight_bias(false),
          .helper = kPosition};
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  return {view(param(0), once(elements(info.output)), EagerGradient::fresh),
          {.inputs = {{x(), EagerGradient::passed}, {made(0)}}, .bytes = of(info.output), .any_layout = true}};
}

}  // namespace

const OpDef& position() {
  static const OpDef row{
      .name = "position",
      .summary = "Adds a learned vector to each token, by its place in the sequence.",
      .args = std::vector<ArgSpec>{positional("positions", ArgKind::integer, "places there are vectors for, at least the tokens of the input")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .lower = lower,  // other_flops: one addition an element, the default
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"position 5", {5, 4}}, {"position 9", {6, 3}}},
  };
  return row;
}

}  // namespace netc::ops
