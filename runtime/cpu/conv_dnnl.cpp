#include "conv_dnnl.h"

#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "rows.h"

namespace netrt {
namespace {

using Dims = dnnl::memory::dims;
using MemoryDesc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

constexpr auto f32 = dnnl::memory::data_type::f32;
constexpr auto direct = dnnl::algorithm::convolution_direct;

/// A convolution ready to run. Its primitives are made at the first run: generating their code takes milliseconds, and planning needs none.
struct Plan {
  dnnl::primitive conv, reorder;
  std::function<dnnl::primitive()> make_conv;
  dnnl::reorder::primitive_desc reorder_desc;  ///< of the weights: to oneDNN's layout, or back from it for their gradient
  MemoryDesc src, weights, user_weights, bias, dst, scratch;
  bool reorders = false;
  size_t weight_bytes = 0;  ///< of the workspace, which begins with the reordered weights; the rest is oneDNN's scratch

  size_t workspace() const { return weight_bytes + std::max(scratch.get_size(), reorders ? reorder_desc.scratchpad_desc().get_size() : 0); }
};

/// What a oneDNN convolution descriptor takes.
struct Shapes {
  MemoryDesc src, weights, user_weights, bias, dst;
  Dims strides, dilates, pad_low, pad_high;
};

/// The padding after the input that makes `out` windows; not negative unless the count of windows asks for it.
int64_t pad_after(int64_t in, int64_t out, int64_t size, int64_t stride, int64_t pad, int64_t dilation) {
  const int64_t exact = (out - 1) * stride + (size - 1) * dilation + 1 - in - pad;
  return exact > -stride ? std::max<int64_t>(exact, 0) : exact;
}

Shapes make_shapes(const ConvDesc& d, bool bias) {
  Shapes s;
  s.src = MemoryDesc({d.n, d.c, d.h, d.w}, f32, Tag::nhwc);
  s.dst = MemoryDesc({d.n, d.k, d.oh, d.ow}, f32, Tag::nhwc);
  const bool grouped = d.groups > 1;
  const Dims dims = grouped ? Dims{d.groups, d.k / d.groups, d.c / d.groups, d.r, d.s} : Dims{d.k, d.c, d.r, d.s};
  s.weights = MemoryDesc(dims, f32, Tag::any);
  s.user_weights = MemoryDesc(dims, f32, grouped ? Tag::gohwi : Tag::ohwi);
  if (bias) s.bias = MemoryDesc({d.k}, f32, Tag::a);
  s.strides = {d.stride_h, d.stride_w};
  s.dilates = {d.dilation_h - 1, d.dilation_w - 1};
  s.pad_low = {d.pad_top, d.pad_left};
  s.pad_high = {pad_after(d.h, d.oh, d.r, d.stride_h, d.pad_top, d.dilation_h), pad_after(d.w, d.ow, d.s, d.stride_w, d.pad_left, d.dilation_w)};
  return s;
}

dnnl::primitive_attr user_scratch() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

/// Relu and its leaky kin are done by oneDNN; other activations by a pass of our own.
bool fused(Activation activation) { return activation == Activation::relu || activation == Activation::leaky; }

dnnl::convolution_forward::desc forward_desc(const Shapes& s) {
  const auto kind = dnnl::prop_kind::forward_training;
  if (s.bias.is_zero()) return {kind, direct, s.src, s.weights, s.dst, s.strides, s.dilates, s.pad_low, s.pad_high};
  return {kind, direct, s.src, s.weights, s.bias, s.dst, s.strides, s.dilates, s.pad_low, s.pad_high};
}

/// User scratch, and the activation where oneDNN does it.
dnnl::primitive_attr forward_attr(const ConvDesc& d) {
  dnnl::primitive_attr attr = user_scratch();
  if (fused(d.activation)) {
    dnnl::post_ops ops;
    ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, d.activation == Activation::leaky ? d.alpha : 0.0f, 0.0f);
    attr.set_post_ops(ops);
  }
  return attr;
}

/// Steps through the implementations to the first that is not oneDNN's slow reference and fits in `limit` bytes; null where there is none.
template <class Primitive, class Desc>
std::unique_ptr<Plan> settle(Desc desc, const Shapes& s, ConvPass pass, size_t limit) {
  auto plan = std::make_unique<Plan>();
  plan->src = s.src;
  plan->dst = s.dst;
  plan->bias = s.bias;
  plan->user_weights = s.user_weights;
  for (bool more = true; more; more = desc.next_impl()) {
    if (std::strstr(desc.impl_info_str(), "ref") != nullptr) continue;
    const MemoryDesc own = pass == ConvPass::weights ? desc.query_md(dnnl::query::diff_weights_md) : desc.query_md(dnnl::query::weights_md);
    plan->weights = own;
    plan->scratch = desc.scratchpad_desc();
    plan->reorders = own != s.user_weights;
    if (plan->reorders) {
      const bool back = pass == ConvPass::weights;
      const MemoryDesc &from = back ? own : s.user_weights, &to = back ? s.user_weights : own;
      plan->reorder_desc = dnnl::reorder::primitive_desc(dnnl_engine(), from, dnnl_engine(), to, user_scratch());
    }
    plan->weight_bytes = plan->reorders ? round_workspace(own.get_size()) : 0;
    if (plan->workspace() > limit) continue;
    plan->make_conv = [desc] { return dnnl::primitive(Primitive(desc)); };
    return plan;
  }
  return nullptr;
}

std::unique_ptr<Plan> make_plan(const ConvDesc& d, ConvPass pass, bool bias, size_t limit) {
  try {
    const Shapes s = make_shapes(d, bias && pass != ConvPass::data);
    const auto forward_op = forward_desc(s);  // lives as long as its primitive descriptor: stepping to the next implementation reads it
    const dnnl::convolution_forward::primitive_desc forward(forward_op, forward_attr(d), dnnl_engine());
    if (pass == ConvPass::forward) return settle<dnnl::convolution_forward>(forward, s, pass, limit);
    if (pass == ConvPass::data) {
      const dnnl::convolution_backward_data::desc desc(direct, s.src, s.weights, s.dst, s.strides, s.dilates, s.pad_low, s.pad_high);
      return settle<dnnl::convolution_backward_data>(
          dnnl::convolution_backward_data::primitive_desc(desc, user_scratch(), dnnl_engine(), forward), s, pass, limit);
    }
    using Backward = dnnl::convolution_backward_weights;
    const Backward::desc desc = bias ? Backward::desc(direct, s.src, s.weights, s.bias, s.dst, s.strides, s.dilates, s.pad_low, s.pad_high)
                                     : Backward::desc(direct, s.src, s.weights, s.dst, s.strides, s.dilates, s.pad_low, s.pad_high);
    return settle<Backward>(Backward::primitive_desc(desc, user_scratch(), dnnl_engine(), forward), s, pass, limit);
  } catch (const dnnl::error&) {
    return nullptr;  // a shape oneDNN does not take
  }
}

/// Plans by what they depend on. Planning asks for the same few shapes again and again, and each query of oneDNN costs about 0.1 ms.
Plan* find_plan(ConvDesc desc, ConvPass pass, bool bias, size_t limit) {
  static std::unordered_map<std::string, std::unique_ptr<Plan>> plans;
  static std::mutex mutex;
  if (pass != ConvPass::forward || !fused(desc.activation)) {  // which then makes no difference to oneDNN
    desc.activation = Activation::none;
    desc.alpha = 0;
  }
  std::string key(reinterpret_cast<const char*>(&desc), sizeof desc);
  key += static_cast<char>(pass);
  key += static_cast<char>(bias);
  key += std::to_string(limit);
  const std::lock_guard<std::mutex> lock(mutex);
  const auto [at, fresh] = plans.try_emplace(key);
  if (fresh) at->second = make_plan(desc, pass, bias, limit);
  return at->second.get();
}

dnnl::memory bind(const MemoryDesc& desc, void* data) { return dnnl::memory(desc, dnnl_engine(), data); }

void execute(Context& ctx, Plan& plan, ConvPass pass, const ConvBuffers& at, Workspace workspace) {
  if (!plan.conv) {
    plan.conv = plan.make_conv();
    if (plan.reorders) plan.reorder = dnnl::reorder(plan.reorder_desc);
  }
  const bool gradient = pass == ConvPass::weights;
  void* own = plan.reorders ? workspace.data : at.w;
  const dnnl::memory weights = bind(plan.weights, own), user_weights = bind(plan.user_weights, at.w);
  void* scratch = static_cast<char*>(workspace.data) + plan.weight_bytes;
  const auto reorder = [&](const dnnl::memory& from, const dnnl::memory& to) {
    if (!plan.reorders) return;
    const dnnl::memory reorder_scratch = bind(plan.reorder_desc.scratchpad_desc(), scratch);
    plan.reorder.execute(ctx.stream, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, reorder_scratch}});
  };
  if (!gradient) reorder(user_weights, weights);
  std::unordered_map<int, dnnl::memory> args{{pass == ConvPass::data ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, bind(plan.src, at.x)},
                                             {gradient ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, weights},
                                             {pass == ConvPass::forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, bind(plan.dst, at.y)},
                                             {DNNL_ARG_SCRATCHPAD, bind(plan.scratch, scratch)}};
  if (at.b_or_null != nullptr && pass != ConvPass::data) {
    args.emplace(gradient ? DNNL_ARG_DIFF_BIAS : DNNL_ARG_BIAS, bind(plan.bias, at.b_or_null));
  }
  plan.conv.execute(ctx.stream, args);
  if (gradient) reorder(weights, user_weights);
}

}  // namespace

int64_t dnnl_conv_workspace(const ConvDesc& desc, ConvPass pass) {
  const Plan* plan = find_plan(desc, pass, true, SIZE_MAX);
  return plan == nullptr ? -1 : static_cast<int64_t>(plan->workspace());
}

bool dnnl_conv_run(Context& ctx, ConvPass pass, const ConvBuffers& at, const ConvDesc& desc, Workspace workspace) {
  const bool bias = at.b_or_null != nullptr;
  Plan* plan = find_plan(desc, pass, bias, SIZE_MAX);
  if (plan != nullptr && plan->workspace() > workspace.bytes) plan = find_plan(desc, pass, bias, workspace.bytes);
  if (plan == nullptr) return false;
  try {
    execute(ctx, *plan, pass, at, workspace);
  } catch (const dnnl::error& e) {
    fail(std::string("convolution: oneDNN says: ") + e.what());
  }
  if (pass == ConvPass::forward && !fused(desc.activation)) {
    bias_activation(at.y, nullptr, int64_t{desc.n} * desc.oh * desc.ow, desc.k, desc.activation, desc.alpha);
  }
  return true;
}

}  // namespace netrt
