// shuffle: ShuffleNet's channel shuffle (Zhang et al. 2017). Kernel: shuffle_forward both ways.
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const int64_t groups = context.args.integer("groups", 1), c = channels(context.inputs[0]);
  if (groups < 1 || groups > c) {
    Diagnostic& error = error_at(context, "N0308", "groups",
                                 "`shuffle` wants between 1 and " + std::to_string(c) + " groups, not " + std::to_string(groups));
    error.label = "the input is " + shape_text(context.inputs[0]);
    note_origin(context, error);
    return std::nullopt;
  }
  if (c % groups != 0) {
    report_groups(context, c, groups);
    return std::nullopt;
  }
  if (!check_rows(context)) return std::nullopt;
  return context.inputs[0];
}

KernelCall call(const LayerInfo& info, Operand to, Operand from, int64_t groups) {
  Desc desc{"ShuffleDesc", {}};
  desc.add_per_sample("rows", rows(info.output)).add("c", channels(info.output)).add("groups", groups);
  return {.kernel = "shuffle_forward", .outputs = {to}, .inputs = {from}, .desc = desc};
}

std::vector<Alternative> lower(const LayerInfo& info) {
  const int64_t groups = info.args.integer("groups", 1);
  KernelCall back = call(info, operand::dx(), operand::dy, channels(info.output) / groups);
  back.purpose = "the gradient, shuffled back";
  return {{.forward = call(info, operand::y, operand::x(), groups), .aux = {}, .backward = {std::move(back)}}};
}

constexpr const char* kShuffle = R"(def shuffle(x, groups, axis):
    """Channel shuffle: channel g * (C / groups) + j goes to j * groups + g."""
    return x.unflatten(axis, (groups, -1)).transpose(axis, axis + 1).flatten(axis, axis + 1)
)";

TorchLayer torch(const LayerInfo& info) {
  const std::string axis = channels_first(info.output) ? ", 1)" : ", 2)";
  TorchLayer twin = torch_expression("shuffle({0}, " + std::to_string(info.args.integer("groups", 1)) + axis);
  twin.helper = kShuffle;
  return twin;
}

}  // namespace

const OpDef& shuffle() {
  static const OpDef row{
      .name = "shuffle",
      .summary = "Channel shuffle: channel g*(C/groups) + j goes to j*groups + g.",
      .args = std::vector<ArgSpec>{positional("groups", ArgKind::integer, "number of groups that are interleaved")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = no_flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_copy,
      .examples = std::vector<Example>{{"shuffle 2", {3, 3, 6}}, {"shuffle 3", {2, 2, 12}}},
  };
  return row;
}

}  // namespace netc::ops
