// embed: a table of vectors, one for each token. Kernels: embed_forward, embed_backward.
#include <fmt/format.h>

#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  bool ok = check_integers(context, "vocabulary", 1);
  ok = check_integers(context, "channels", 1) && ok;
  if (!ok) return std::nullopt;
  const Shape& ids = context.inputs[0];
  const int64_t vocabulary = context.args.integer("vocabulary"), c = context.args.integer("channels");
  if (vocabulary < context.vocabulary) {
    Diagnostic& error = error_at(context, "N0310", "vocabulary",
                                 fmt::format("`{}` has {} vectors, its input {} different tokens", context.verb, vocabulary, context.vocabulary));
    note_origin(context, error);
    error.help = fmt::format("write embed {} {}", context.vocabulary, c);
    return std::nullopt;
  }
  if (!check_shape(context, "its weight", {vocabulary, c}) || !check_shape(context, "its output", {ids[0], c})) return std::nullopt;
  return Shape{ids[0], c};
}

/// As nn.Embedding: normal with deviation 1.
std::vector<ParamSpec> params(const LayerInfo& info) {
  const int64_t vocabulary = info.args.integer("vocabulary"), c = info.args.integer("channels");
  return {{.suffix = "w", .shape = {vocabulary, c}, .init = {}, .fan_in = vocabulary, .fan_out = c, .torch = Init{InitKind::normal, 1}}};
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  Desc desc{"EmbedDesc", {}};
  desc.add_per_sample("rows", info.inputs[0][0]).add("vocabulary", info.args.integer("vocabulary")).add("c", info.args.integer("channels"));
  const Work work{.touches = info.inputs[0][0] * info.args.integer("channels")};
  return {{.forward = {.kernel = "embed_forward", .outputs = {y}, .inputs = {x(), param(0)}, .desc = desc, .work = work},
           .aux = {},
           .backward = {{.kernel = "embed_backward", .outputs = {dparam(0)}, .inputs = {x(), dy}, .desc = desc, .adds = true,
                         .purpose = "the weight gradient", .work = work}}}};
}

TorchLayer torch(const LayerInfo& info) {
  if (info.args.has("tie")) return {.module = "", .call = "F.embedding({0}, {p0})", .tensors = torch_weight_bias(false)};
  return {.module = fmt::format("nn.Embedding({}, {})", info.args.integer("vocabulary"), info.args.integer("channels")),
          .call = "{m}({0})",
          .tensors = torch_weight_bias(false)};
}

/// The weight gradient is as large as the weight, and made from the ids sorted, with their places: int64 both.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  return {{.inputs = {{param(0)}}, .bytes = of(info.output), .saves = {x()}, .backward_scratch = batched(Size(2) * Size(info.inputs[0][0]), 8)}};
}

}  // namespace

const OpDef& embed() {
  static const OpDef row{
      .name = "embed",
      .summary = "A learned vector of C values for each of V tokens: T token ids become T x C.",
      .args = std::vector<ArgSpec>{positional("vocabulary", ArgKind::integer, "number of different tokens"),
                                   positional("channels", ArgKind::integer, "values of a token's vector"), tie_label()},
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .other_flops = no_flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .takes_ids = true,
      .examples = std::vector<Example>{{"embed 7 4", {5}, 7}, {"embed 9 3", {6}, 4}},
  };
  return row;
}

}  // namespace netc::ops
