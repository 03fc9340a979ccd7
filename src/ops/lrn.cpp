// lrn: local response normalisation across channels (Krizhevsky et al. 2012, section 3.3, with PyTorch's alpha / n).
// Kernels: lrn_forward, lrn_backward.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const Args& args = context.args;
  bool ok = check_integers(context, "channels", 1);
  for (const std::string_view name : {"alpha", "beta"}) {
    ok = check_number(context, name, args.number(name), args.number(name) >= 0, "to be at least 0") && ok;
  }
  const double k = args.number("k", 1);
  ok = check_number(context, "k", k, k > 0, "to be above 0") && ok;
  if (!ok || !check_rows(context)) return std::nullopt;
  return context.inputs[0];
}

/// For each element: a square and an addition for each of n channels, then a product, a sum, a power and a quotient.
Size flops(const LayerInfo& info) { return elements(info.output) * (Size(2) * Size(info.args.integer("channels", 1)) + Size(4)); }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"LrnDesc", {}};
  desc.add_per_sample("rows", rows(info.output)).add("c", channels(info.output)).add("size", info.args.integer("channels", 1));
  desc.add_real("alpha", info.args.number("alpha", 1e-4)).add_real("beta", info.args.number("beta", 0.75)).add_real("k", info.args.number("k", 1));
  return {{.forward = {.kernel = "lrn_forward", .outputs = {y}, .inputs = {x()}, .desc = desc},
           .aux = {},
           .backward = {{.kernel = "lrn_backward", .outputs = {dx()}, .inputs = {x(), dy}, .desc = desc, .purpose = "the data gradient"}}}};
}

TorchLayer torch(const LayerInfo& info) {
  const Args& args = info.args;
  const std::string arguments = ", " + std::to_string(args.integer("channels", 1)) + ", alpha=" + number_text(args.number("alpha", 1e-4)) +
                                ", beta=" + number_text(args.number("beta", 0.75)) + ", k=" + number_text(args.number("k", 1)) + ")";
  const auto over = [&](std::string x) { return "F.local_response_norm(" + std::move(x) + arguments; };
  if (info.output.size() == 3) return torch_expression(over("{0}"));
  if (info.output.size() == 2) return torch_expression(over("{0}.transpose(1, 2)") + ".transpose(1, 2)");
  return torch_expression(over("{0}.unsqueeze(2)") + ".squeeze(2)");
}

/// The twin is a formula: squares, padded; their average; that scaled; its power; the quotient.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  const int64_t c = channels(info.output), n = info.args.integer("channels", 1);
  const Extent whole = of(info.output), padded = batched(Size(rows(info.output)) * Size(c + n - 1));
  EagerCall average = pointwise(made(1), whole, {made(1)}), scaled = copy(made(2), whole);
  scaled.scratch = whole;  // the product, before the sum
  return {pointwise(x(), whole, {x()}), copy(made(0), padded), average, scaled, pointwise(made(3), whole, {made(3)}),
          {.inputs = {{x()}, {made(4)}}, .bytes = whole, .saves = {x(), made(4)}, .backward_scratch = whole, .any_layout = true}};
}

}  // namespace

const OpDef& lrn() {
  static const OpDef row{
      .name = "lrn",
      .summary = "Local response normalisation: x / (k + alpha/n * the sum of squares over n neighbouring channels)^beta.",
      .args = std::vector<ArgSpec>{positional("channels", ArgKind::integer, "how many neighbouring channels are summed"),
                                   word("alpha", ArgKind::number, "1e-4", "weight of the squares"),
                                   word("beta", ArgKind::number, "0.75", "exponent"),
                                   word("k", ArgKind::number, "1", "what is added to the sum")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"lrn 5", {3, 3, 8}}, {"lrn 3 alpha 0.5 beta 0.5 k 2", {4, 4, 3}}},
  };
  return row;
}

}  // namespace netc::ops
