// slice: some of the channels. Kernels: channels_copy, and channels_scatter for the gradient.
#include "ops/channels.h"
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

std::optional<Shape> infer(const InferContext& context) {
  const int64_t first = context.args.integer("range", 0, 0), end = context.args.integer("range", 0, 1), c = channels(context.inputs[0]);
  if (first < 0 || end <= first || end > c) {
    Diagnostic& error = error_at(context, "N0308", "range",
                                 "`slice " + std::to_string(first) + ".." + std::to_string(end) + "` does not lie within " +
                                     std::to_string(c) + " channels");
    error.label = "the input is " + shape_text(context.inputs[0]);
    note_origin(context, error);
    error.help = "slice a..b takes the channels a to b - 1, with 0 <= a < b <= " + std::to_string(c);
    return std::nullopt;
  }
  if (!check_rows(context)) return std::nullopt;
  Shape output = context.inputs[0];
  output.back() = end - first;
  return output;
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const int64_t first = info.args.integer("range", 0, 0), part = channels(info.output), whole = channels(info.inputs[0]);
  const int64_t count = rows(info.output);
  return {{.forward = {.kernel = "channels_copy", .outputs = {y}, .inputs = {x()}, .desc = channels_desc(count, part, whole, first, part, 0),
                       .work = {.touches = count * part}},
           .aux = {},
           .backward = {{.kernel = "channels_scatter", .outputs = {dx()}, .inputs = {dy},
                         .desc = channels_desc(count, part, part, 0, whole, first), .purpose = "the gradient of the channels taken"}}}};
}

TorchLayer torch(const LayerInfo& info) {
  const std::string range = std::to_string(info.args.integer("range", 0, 0)) + ":" + std::to_string(info.args.integer("range", 0, 1)) + "]";
  return torch_expression((channels_first(info.output) ? "{0}[:, " : "{0}[:, :, ") + range);
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  return {eager::view(eager::x(), eager::of(info.output), EagerGradient::fresh)};
}

}  // namespace

const OpDef& slice() {
  static const OpDef row{
      .name = "slice",
      .summary = "The channels a to b - 1.",
      .args = std::vector<ArgSpec>{positional("range", ArgKind::range, "a..b: the first channel taken and the first one after them")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = no_flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"slice 1..3", {3, 3, 4}}, {"slice 0..5", {8}}},
  };
  return row;
}

}  // namespace netc::ops
