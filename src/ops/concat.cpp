// concat: branches side by side along the channels. Kernel: channels_copy, once for each branch, all into the same bytes.
#include <algorithm>

#include "ops/branches.h"
#include "ops/channels.h"
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

bool equal_but_channels(const Shape& a, const Shape& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end() - 1, b.begin());
}

/// The help for branches whose other sizes differ; channels may differ, so they are made alike for the comparison.
std::string help(const Shape& first, Shape other, size_t index) {
  if (first.size() == other.size()) other.back() = first.back();
  return mismatch_help(first, other, index);
}

std::optional<Shape> infer(const InferContext& context) {
  Shape output = context.inputs[0];
  Size sum = channels(output);
  std::vector<size_t> wrong;
  for (size_t i = 1; i < context.inputs.size(); ++i) {
    const Shape& other = context.inputs[i];
    if (!equal_but_channels(output, other)) wrong.push_back(i);
    sum = sum + Size(channels(other));
  }
  if (!wrong.empty()) {
    report_mismatch(context, wrong, help(context.inputs[0], context.inputs[wrong[0]], wrong[0]));
    return std::nullopt;
  }
  if (!check_int32(context, "its number of channels", sum) || !check_rows(context)) return std::nullopt;
  output.back() = sum.value();
  if (!check_shape(context, "its output", output)) return std::nullopt;
  return output;
}

int parts(const LayerInfo& info) { return static_cast<int>(info.inputs.size()); }

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  int64_t first = 0;
  for (int i = 0; i < info.part; ++i) first += channels(info.inputs[static_cast<size_t>(i)]);
  const int64_t count = channels(info.inputs[static_cast<size_t>(info.part)]), whole = channels(info.output);
  const Work work{.touches = rows(info.output) * count};
  KernelCall forward{.kernel = "channels_copy", .outputs = {y}, .inputs = {x(info.part)},
                     .desc = channels_desc(rows(info.output), count, count, 0, whole, first), .must_alias = info.part > 0, .work = work};
  KernelCall cut{.kernel = "channels_copy", .outputs = {dx(info.part)}, .inputs = {dy},
                 .desc = channels_desc(rows(info.output), count, whole, first, count, 0), .purpose = "the gradient of the branch",
                 .work = work};
  Alternative way{std::move(forward), {}, {std::move(cut)}};
  if (info.part > 0) {
    way.backward.push_back({.kernel = "", .outputs = {dprev}, .inputs = {dy}, .desc = {}, .purpose = "the gradient of the branches before"});
  }
  return {way};
}

TorchLayer torch(const LayerInfo& info) {
  std::string inputs = "{0}";
  for (size_t i = 1; i < info.inputs.size(); ++i) inputs += ", {" + std::to_string(i) + "}";
  return torch_expression("torch.cat([" + inputs + "], " + (channels_first(info.output) ? "1)" : "2)"));
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  EagerCall call{.inputs = {}, .bytes = eager::of(info.output), .any_layout = true};
  for (int i = 0; i < static_cast<int>(info.inputs.size()); ++i) call.inputs.push_back({eager::x(i), EagerGradient::part});
  return {call};
}

}  // namespace

const OpDef& concat() {
  static const OpDef row{
      .name = "concat",
      .summary = "Branches side by side along the channels; their other sizes must be equal.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{2, 16},
      .infer = infer,
      .other_flops = no_flops,
      .parts = parts,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"concat {} { conv 2 3x3 pad }", {4, 4, 3}},
                                       {"concat { conv 2 1x1 } { conv 3 1x1 } {}", {3, 3, 2}},
                                       {"concat { fc 3 } { fc 2 }", {5}}},
  };
  return row;
}

}  // namespace netc::ops
