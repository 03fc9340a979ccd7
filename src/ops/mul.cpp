// mul: the product of two branches, of equal shapes or one of them 1x1xC. Kernels: mul_forward, mul_reduce.
#include "ops/branches.h"
#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

/// Whether `b` has one value for each channel of `a`: 1x1xC or {C} beside H x W x C.
bool broadcasts(const Shape& a, const Shape& b) { return a.size() > 1 && rows(b) == 1 && channels(b) == channels(a) && a != b; }

std::optional<Shape> infer(const InferContext& context) {
  const Shape &a = context.inputs[0], &b = context.inputs[1];
  if (a != b && !broadcasts(a, b) && !broadcasts(b, a)) {
    std::string help = mismatch_help(a, b, 1);
    if (a.size() == 3 && rows(b) == 1) {
      help = "bring branch 2 to " + std::to_string(channels(a)) + " channels, one factor for each channel of branch 1";
    }
    report_mismatch(context, {1}, std::move(help));
    return std::nullopt;
  }
  if (!check_rows(context)) return std::nullopt;
  return broadcasts(b, a) ? b : a;
}

/// Which input is the larger one (0 where they are equal), and the desc of the product.
struct Product {
  int large = 0;
  bool broadcast = false;
  Desc desc{"MulDesc", {}};
};

Product product_of(const LayerInfo& info) {
  Product product;
  product.large = broadcasts(info.inputs[1], info.inputs[0]) ? 1 : 0;
  product.broadcast = info.inputs[0] != info.inputs[1];
  product.desc.add_per_sample("n", 1).add("pixels", rows(info.output)).add("c", channels(info.output));
  product.desc.add("broadcast", product.broadcast ? 1 : 0);
  return product;
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const Product product = product_of(info);
  const int a = product.large, b = 1 - a;
  KernelCall forward{.kernel = "mul_forward", .outputs = {y}, .inputs = {x(a), x(b)}, .desc = product.desc, .in_place = true};
  KernelCall factor{.kernel = product.broadcast ? Literal("mul_reduce") : Literal("mul_forward"), .outputs = {dx(b)}, .inputs = {}, .desc = product.desc,
                    .purpose = "the gradient of the other factor"};
  factor.inputs = {dy, x(a)};
  if (product.broadcast) factor.inputs = {x(a), dy};
  KernelCall other{.kernel = "mul_forward", .outputs = {dx(a)}, .inputs = {dy, x(b)}, .desc = product.desc, .in_place = true,
                   .purpose = "the gradient of the other factor"};
  return {{.forward = std::move(forward), .aux = {}, .backward = {std::move(factor), std::move(other)}}};
}

TorchLayer torch(const LayerInfo& info) {
  const size_t large = static_cast<size_t>(product_of(info).large), small = 1 - large;
  if (info.inputs[0].size() == info.inputs[1].size()) return torch_expression("{0} * {1}");  // PyTorch broadcasts 1x1xC by itself
  const std::string c = std::to_string(channels(info.output)), factor = "{" + std::to_string(small) + "}";
  const std::string sizes = info.output.size() == 3 ? "(-1, " + c + ", 1, 1)" : "(-1, 1, " + c + ")";
  return torch_expression("{" + std::to_string(large) + "} * " + factor + ".reshape" + sizes);
}

/// The gradient of a factor that is spread over the image is a whole image before it is summed.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  const Product product = product_of(info);
  const Extent whole = of(info.output);
  return {{.inputs = {{x(product.large)}, {x(1 - product.large)}}, .bytes = whole, .saves = {x(0), x(1)},
           .backward_scratch = product.broadcast ? whole : Extent{}, .any_layout = true}};
}

}  // namespace

const OpDef& mul() {
  static const OpDef row{
      .name = "mul",
      .summary = "The product of two branches of equal shapes, or of H x W x C and one factor a channel, 1x1xC.",
      .args = std::vector<ArgSpec>{},
      .branches = std::pair{2, 2},
      .infer = infer,
      .lower = lower,
      .torch = torch,
      .eager = eager_calls,
      .examples = std::vector<Example>{{"mul {} { avgpool; conv 3 1x1; sigmoid }", {4, 4, 3}},
                                       {"mul { conv 3 1x1 } { conv 3 1x1; tanh }", {3, 3, 2}},
                                       {"mul { avgpool; sigmoid } {}", {3, 4, 2}}},
  };
  return row;
}

}  // namespace netc::ops
