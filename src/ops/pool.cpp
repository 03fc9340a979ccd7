// pool: max-pooling. Kernels: pool_forward, pool_backward.
#include "ops/eager.h"
#include "ops/pooling.h"
#include "ops/rows.h"

namespace netc::ops {
namespace {

Window window_of(const LayerInfo& info) { return ops::window_of(info.args, as_image(info.inputs[0]), DefaultStride::kernel); }

/// r * s - 1 comparisons for each output.
Size flops(const LayerInfo& info) {
  const Window window = window_of(info);
  return elements(info.output) * Size(window.h.kernel * window.w.kernel - 1);
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const Window window = window_of(info);
  const bool wide = (Size(window.h.kernel) * Size(window.w.kernel)).value() > 256;  // positions that one byte cannot tell apart
  const Desc desc = pool_desc(as_image(info.inputs[0]), window, wide ? 2 : 1, 0);
  const AuxSpec index{"index", {wide ? DType::u16 : DType::u8, info.output, true}, "the position of each maximum in its window"};
  return {{.forward = {.kernel = "pool_forward", .outputs = {y, aux(0)}, .inputs = {x()}, .desc = desc},
           .aux = {index},
           .backward = {{.kernel = "pool_backward", .outputs = {dx()}, .inputs = {dy, aux(0)}, .desc = desc,
                         .purpose = "the gradient of the maxima"}}}};
}

std::optional<Shape> infer(const InferContext& context) {
  const std::optional<Shape> shape = infer_pool(context);
  if (!shape) return shape;
  const int64_t positions = context.args.integer("kernel", 1, 0) * context.args.integer("kernel", 1, 1);
  if (check_number(context, "kernel", static_cast<double>(positions), positions <= 65536, "to have at most 65536 positions")) return shape;
  return std::nullopt;
}

TorchLayer torch(const LayerInfo& info) {
  const Window window = window_of(info);
  const std::string arguments = torch_pool_arguments(window, info.args.has("ceil"));
  return torch_expression("F.max_pool2d(" + (torch_pads(window) ? "{0}" : torch_padded(window, "float(\"-inf\")")) + arguments + ")");
}

std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  const Window window = window_of(info);
  std::vector<EagerCall> calls;
  if (!torch_pads(window)) calls.push_back(padded(as_image(info.inputs[0]), window));
  const EagerTensor from = calls.empty() ? x() : made(0);
  calls.push_back({.inputs = {{from}}, .bytes = of(info.output), .saves = {from},
                   .kept = {{"an int64 index of each maximum", batched(elements(info.output), 8)}}});
  return calls;
}

}  // namespace

const OpDef& pool() {
  static const OpDef row{
      .name = "pool",
      .summary = "Max-pooling: the largest value of each window.",
      .args = std::vector<ArgSpec>{kernel_arg("height x width of the window, and the stride after a slash (the kernel without)"), pad_arg(),
                                   same_arg(), ceil_arg()},
      .branches = std::pair{0, 0},
      .infer = infer,
      .other_flops = flops,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .commutes_with_relu = true,
      .examples = std::vector<Example>{{"pool 2x2/2", {6, 6, 3}},
                                       {"pool 3x3/2 pad", {7, 8, 2}},
                                       {"pool 3x3/2 ceil", {6, 6, 2}},
                                       {"pool 3x2/2x1 same", {5, 5, 2}},
                                       {"pool 17x16", {17, 16, 2}}},
  };
  return row;
}

}  // namespace netc::ops
