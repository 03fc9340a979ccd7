// fc: fully connected. Kernels: fc_forward, fc_backward_weights, fc_backward_data.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

/// T x C is `rows` tokens of C values; anything else one row of all its values.
struct Matrix {
  int64_t rows = 1, in = 1, out = 1;
};

Matrix matrix_of(const Args& args, const Shape& input) {
  const int64_t out = args.integer("outputs", 1);
  return input.size() == 2 ? Matrix{input[0], input[1], out} : Matrix{1, elements(input).value(), out};
}

Matrix matrix_of(const LayerInfo& info) { return matrix_of(info.args, info.inputs[0]); }

std::optional<Shape> infer(const InferContext& context) {
  bool ok = check_integers(context, "outputs", 1);
  ok = check_exclusive(context, "bias", "nobias") && ok;
  if (!ok || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  const Matrix matrix = matrix_of(context.args, context.inputs[0]);
  if (!check_int32(context, "the number of values of its input", matrix.in)) return std::nullopt;
  if (!check_shape(context, "its weight", {matrix.out, matrix.in})) return std::nullopt;
  const Shape output = context.inputs[0].size() == 2 ? Shape{matrix.rows, matrix.out} : Shape{matrix.out};
  if (!check_shape(context, "its output", output)) return std::nullopt;
  return output;
}

std::vector<ParamSpec> params(const LayerInfo& info) {
  const Matrix matrix = matrix_of(info);
  std::vector<ParamSpec> list{{.suffix = "w", .shape = {matrix.out, matrix.in}, .role = ParamRole::weight, .init = {},
                               .fan_in = matrix.in, .fan_out = matrix.out}};
  if (info.has_bias) {
    list.push_back({.suffix = "b", .shape = {matrix.out}, .role = ParamRole::bias, .init = {}, .fan_in = matrix.in, .fan_out = matrix.out});
  }
  return list;
}

/// in * out for each token.
Size macs(const LayerInfo& info) {
  const Matrix matrix = matrix_of(info);
  return Size(matrix.rows) * Size(matrix.in) * Size(matrix.out);
}

/// One addition an output element for the bias.
Size flops(const LayerInfo& info) { return info.has_bias ? elements(info.output) : Size(0); }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const Matrix matrix = matrix_of(info);
  Desc desc{"FcDesc", {}};
  desc.add_per_sample("rows", matrix.rows).add("in", matrix.in).add("out", matrix.out).add_activation(info.activation, info.alpha);
  const bool bias = info.has_bias;
  const Work work{.macs = macs(info).value()};
  KernelCall forward{.kernel = "fc_forward", .outputs = {y}, .inputs = {x(), param(0), bias ? param(1) : none}, .desc = desc,
                     .workspace = true, .work = work};
  KernelCall weights{.kernel = "fc_backward_weights", .outputs = {dparam(0), bias ? dparam(1) : none}, .inputs = {x(), dy}, .desc = desc,
                     .workspace = true, .purpose = "the weight gradient", .work = work};
  KernelCall data{.kernel = "fc_backward_data", .outputs = {dx()}, .inputs = {dy, param(0)}, .desc = desc, .workspace = true,
                  .purpose = "the data gradient", .work = work};
  return {{.forward = std::move(forward), .aux = {}, .backward = {std::move(weights), std::move(data)}}};
}

constexpr const char* kTiedLinear = R"(class TiedLinear(nn.Module):
    """A linear layer whose weight is another layer's; the bias is its own."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-inputs ** -0.5, inputs ** -0.5))

    def forward(self, x, weight):
        return F.linear(x, weight, self.bias)
)";

TorchLayer torch_tied(const LayerInfo& info) {
  const Matrix matrix = matrix_of(info);
  const std::string x = info.inputs[0].size() == 2 ? "{0}" : torch_flat(info.inputs[0]);
  if (!info.has_bias) return {.module = {}, .call = "F.linear(" + x + ", {p0})", .tensors = torch_weight_bias(false)};
  return {.module = "TiedLinear(" + std::to_string(matrix.in) + ", " + std::to_string(matrix.out) + ")",
          .call = "{m}(" + x + ", {p0})",
          .tensors = torch_weight_bias(true),
          .helper = kTiedLinear};
}

TorchLayer torch(const LayerInfo& info) {
  if (info.args.has("tie")) return torch_tied(info);
  const Matrix matrix = matrix_of(info);
  return {.module = "nn.Linear(" + std::to_string(matrix.in) + ", " + std::to_string(matrix.out) + (info.has_bias ? ")" : ", bias=False)"),
          .call = "{m}(" + (info.inputs[0].size() == 2 ? "{0}" : torch_flat(info.inputs[0])) + ")",
          .tensors = torch_weight_bias(info.has_bias)};
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  return {eager::linear(eager::x(), 0, info.has_bias ? 1 : -1, eager::of(info.output))};
}

}  // namespace

const OpDef& fc() {
  static const OpDef row{
      .name = "fc",
      .summary = "Fully connected: every output is a weighted sum of all inputs. Flattens H x W x C by itself; on T x C it works per token.",
      .args = std::vector<ArgSpec>{positional("outputs", ArgKind::integer, "number of outputs"), bias_flag(), nobias_flag(),
                                   tie_label()},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .macs = macs,
      .other_flops = flops,
      .lower = lower,
      .fuse_activation = FuseActivation::by_output,
      .torch = torch,
      .eager = eager_calls,
      .default_bias = true,
      .examples = std::vector<Example>{{"fc 5", {3, 3, 2}}, {"fc 4 nobias", {7}}, {"fc 3", {4, 5}}},
  };
  return row;
}

}  // namespace netc::ops
