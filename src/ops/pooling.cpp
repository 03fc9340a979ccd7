#include "ops/pooling.h"

namespace netc::ops {

std::optional<Shape> infer_pool(const InferContext& context) {
  bool ok = check_image(context);
  ok = check_window_arguments(context) && ok;
  if (!ok || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  const Image in = as_image(context.inputs[0]);
  const Window window = window_of(context.args, in, DefaultStride::kernel);
  if (!context.args.has("same") && (2 * window.h.before > window.h.kernel || 2 * window.w.before > window.w.kernel)) {
    error_at(context, "N0310", "pad", quoted(context.verb) + " has padding larger than half its kernel").help =
        "a window that saw only padding would have nothing to pool";
    return std::nullopt;
  }
  if (!check_window_fits(context, window)) return std::nullopt;
  note_dropped(context, window);
  return Shape{window.h.out, window.w.out, in.c};
}

Desc pool_desc(const Image& in, const Window& window, int index_bytes, int count_pad) {
  Desc desc{"PoolDesc", {}};
  desc.add_per_sample("n", 1).add("h", in.h).add("w", in.w).add("c", in.c).add("r", window.h.kernel).add("s", window.w.kernel);
  desc.add("oh", window.h.out).add("ow", window.w.out).add("stride_h", window.h.stride).add("stride_w", window.w.stride);
  desc.add("pad_top", window.h.before).add("pad_left", window.w.before);
  desc.add("index_bytes", index_bytes).add("count_pad", count_pad);
  return desc;
}

ArgSpec ceil_arg() { return flag("ceil", "rounds the number of windows up: the last ones may reach over the edge"); }

std::string torch_pool_arguments(const Window& window, bool ceil) {
  const Axis &h = window.h, &w = window.w;
  std::string text = ", " + torch_pair(h.kernel, w.kernel);
  if (h.stride != h.kernel || w.stride != w.kernel) text += ", stride=" + torch_pair(h.stride, w.stride);
  if (!torch_pads(window)) return text;
  return text + torch_option("padding", h.before, w.before, 0) + (ceil ? ", ceil_mode=True" : "");
}

}  // namespace netc::ops
