// avgpool: average pooling, global without a kernel. Kernels: avgpool_forward, avgpool_backward.
#include "ops/eager.h"
#include "ops/pooling.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

/// The window of the arguments, or one as large as the input.
Window window_of(const Args& args, const Image& in) {
  if (args.has("kernel")) return ops::window_of(args, in, DefaultStride::kernel);
  return {{.kernel = in.h, .stride = in.h, .in = in.h, .out = 1}, {.kernel = in.w, .stride = in.w, .in = in.w, .out = 1}};
}

std::optional<Shape> infer(const InferContext& context) {
  if (context.args.has("kernel")) return infer_pool(context);
  for (const std::string_view word : {"pad", "same", "ceil", "countpad"}) {
    if (!context.args.has(word)) continue;
    error_at(context, "N0310", word, "`avgpool` without a kernel averages the whole image: " + quoted(word) + " has no meaning")
        .help = "give a kernel: avgpool 2x2/2";
    return std::nullopt;
  }
  if (!check_image(context) || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  return Shape{1, 1, channels(context.inputs[0])};
}

/// r * s - 1 additions and one division for each output.
Size flops(const LayerInfo& info) {
  const Window window = window_of(info.args, as_image(info.inputs[0]));
  return elements(info.output) * Size(window.h.kernel) * Size(window.w.kernel);
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const Image in = as_image(info.inputs[0]);
  const int count_pad = !info.args.has("countpad") ? 0 : info.args.has("ceil") && !info.args.has("same") ? 2 : 1;
  const Desc desc = pool_desc(in, window_of(info.args, in), 0, count_pad);
  return {{.forward = {.kernel = "avgpool_forward", .outputs = {y}, .inputs = {x()}, .desc = desc},
           .aux = {},
           .backward = {{.kernel = "avgpool_backward", .outputs = {dx()}, .inputs = {dy}, .desc = desc,
                         .purpose = "the gradient spread over each window"}}}};
}

/// For TensorFlow's padding, which PyTorch's average would count.
constexpr const char* kCoveredAverage = R"(def average_covered(x, kernel, stride, padding):
    """The average of what each window covers of the image; padding: left, right, top, bottom."""
    covered = F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), padding), kernel, stride)
    return F.avg_pool2d(F.pad(x, padding), kernel, stride) / covered
)";

TorchLayer torch(const LayerInfo& info) {
  if (!info.args.has("kernel")) return torch_expression("{0}.mean((2, 3), keepdim=True)");
  const Window window = window_of(info.args, as_image(info.inputs[0]));
  const Axis &h = window.h, &w = window.w;
  const bool counts = info.args.has("countpad");
  const std::string arguments = torch_pool_arguments(window, info.args.has("ceil"));
  if (torch_pads(window)) {
    const bool excludes = !counts && h.before + w.before > 0;
    return torch_expression("F.avg_pool2d({0}" + arguments + (excludes ? ", count_include_pad=False)" : ")"));
  }
  if (counts) return torch_expression("F.avg_pool2d(" + torch_padded(window) + arguments + ")");
  std::string sides = std::to_string(w.before) + ", " + std::to_string(w.after) + ", ";
  sides += std::to_string(h.before) + ", " + std::to_string(h.after);
  const std::string window_text = torch_pair(h.kernel, w.kernel) + ", " + torch_pair(h.stride, w.stride);
  TorchLayer twin = torch_expression("average_covered({0}, " + window_text + ", (" + sides + "))");
  twin.helper = kCoveredAverage;
  return twin;
}

/// The mean of the whole image knows its size without it; every other average keeps its input.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  if (!info.args.has("kernel")) return {{.inputs = {{x()}}, .bytes = of(info.output), .any_layout = true}};
  const Window window = window_of(info.args, as_image(info.inputs[0]));
  if (torch_pads(window)) return {pointwise(x(), of(info.output), {x()})};
  std::vector<EagerCall> calls{padded(as_image(info.inputs[0]), window), pointwise(made(0), of(info.output), {made(0)})};
  if (!info.args.has("countpad")) calls.push_back(copy(made(1), of(info.output)));  // divided by what each window covers
  return calls;
}

}  // namespace

const OpDef& avgpool() {
  ArgSpec kernel = kernel_arg("height x width of the window, and the stride after a slash (the kernel without)");
  kernel.required = false;
  kernel.default_text = "the whole image";
  static const OpDef row{
      .name = "avgpool",
      .summary = "Average of each window; without a kernel the average of the whole image, to 1x1xC.",
      .args = std::vector<ArgSpec>{kernel, pad_arg(), same_arg(), ceil_arg(),
                                   flag("countpad", "the average counts padding as zeros, PyTorch's default; without it padding is left out")},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"avgpool", {5, 4, 3}},
                                       {"avgpool 2x2/2", {6, 6, 2}},
                                       {"avgpool 3x3/2 pad", {5, 5, 2}},
                                       {"avgpool 3x3/1 pad countpad", {4, 4, 2}},
                                       {"avgpool 3x3/2 ceil", {6, 6, 2}},
                                       {"avgpool 3x3/2 pad ceil countpad", {6, 6, 2}}},
  };
  return row;
}

}  // namespace netc::ops
