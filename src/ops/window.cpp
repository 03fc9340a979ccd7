#include "ops/window.h"

#include <algorithm>

namespace netc::ops {
namespace {

/// Number `which` of a word that takes one number for both directions or two; `fallback` where the word is absent or bare.
int64_t of_pair(const Args& args, std::string_view name, size_t which, int64_t fallback) {
  const size_t count = args.count(name);
  return count == 0 ? fallback : args.integer(name, 0, std::min(which, count - 1));
}

/// Kernel, stride and dilation of one direction (0: rows, 1: columns).
Axis axis_of(const Args& args, size_t which, DefaultStride stride) {
  Axis axis;
  axis.kernel = args.integer("kernel", 1, which);
  const size_t count = args.count("kernel");
  axis.stride = stride == DefaultStride::kernel ? axis.kernel : 1;
  if (count > 2) axis.stride = args.integer("kernel", 1, std::min(2 + which, count - 1));
  axis.dilation = of_pair(args, "dilate", which, 1);
  const int64_t symmetric = args.has("pad") ? (axis.kernel - 1) / 2 * axis.dilation : 0;
  axis.before = axis.after = of_pair(args, "pad", which, symmetric);
  return axis;
}

int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

void slide(Axis& axis, int64_t in, bool same, bool ceil) {
  axis.in = in;
  if (same) {
    axis.out = (in + axis.stride - 1) / axis.stride;
    const int64_t padding = std::max<int64_t>(0, (axis.out - 1) * axis.stride + axis.extent() - in);
    axis.before = padding / 2;
    axis.after = padding - axis.before;
    return;
  }
  const int64_t room = in + axis.before + axis.after - axis.extent();
  axis.out = floor_divide(room + (ceil ? axis.stride - 1 : 0), axis.stride) + 1;
  if (ceil && (axis.out - 1) * axis.stride >= in + axis.before) --axis.out;
}

void slide_transposed(Axis& axis, int64_t in, bool same) {
  axis.in = in;
  if (same) {
    axis.out = in * axis.stride;
    const int64_t padding = std::max<int64_t>(0, axis.extent() - axis.stride);
    axis.before = padding / 2;
    axis.after = padding - axis.before;
    return;
  }
  axis.out = (in - 1) * axis.stride - axis.before - axis.after + axis.extent();
}

/// Rows of the input after the last window, but for those every stride skips.
int64_t dropped(const Axis& axis) {
  const int64_t end = (axis.out - 1) * axis.stride + axis.extent() - axis.before;
  const int64_t skipped = std::max<int64_t>(0, axis.stride - axis.extent());
  return std::max<int64_t>(0, axis.in - end - skipped);
}

std::string times(int64_t h, int64_t w) { return std::to_string(h) + "x" + std::to_string(w); }

std::string counted(int64_t n, std::string_view noun) {
  return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

}  // namespace

bool check_window_arguments(const InferContext& context) {
  bool ok = check_integers(context, "kernel", 1);
  ok = check_integers(context, "dilate", 1) && ok;
  ok = check_integers(context, "pad", 0) && ok;
  ok = check_exclusive(context, "pad", "same") && ok;
  if (!ok) return false;
  const Window window{axis_of(context.args, 0, DefaultStride::one), axis_of(context.args, 1, DefaultStride::one)};
  const bool bare_pad = context.args.has("pad") && context.args.count("pad") == 0;
  if (bare_pad && (window.h.kernel % 2 == 0 || window.w.kernel % 2 == 0)) {
    error_at(context, "N0303", "pad",
             "`pad` cannot be symmetric around an even kernel " + times(window.h.kernel, window.w.kernel))
        .help = "use an odd kernel, give the padding as a number (pad=1), or use `same` (more on the bottom and right)";
    return false;
  }
  return check_int32(context, "the height of its dilated kernel", window.h.extent()) &&
         check_int32(context, "the width of its dilated kernel", window.w.extent());
}

Window window_of(const Args& args, const Image& in, DefaultStride stride) {
  Window window{axis_of(args, 0, stride), axis_of(args, 1, stride)};
  slide(window.h, in.h, args.has("same"), args.has("ceil"));
  slide(window.w, in.w, args.has("same"), args.has("ceil"));
  return window;
}

Window transposed_window_of(const Args& args, const Image& in) {
  Window window{axis_of(args, 0, DefaultStride::one), axis_of(args, 1, DefaultStride::one)};
  slide_transposed(window.h, in.h, args.has("same"));
  slide_transposed(window.w, in.w, args.has("same"));
  return window;
}

bool check_window_fits(const InferContext& context, const Window& window) {
  if (window.h.out >= 1 && window.w.out >= 1) return true;
  const bool padded = window.h.before + window.h.after + window.w.before + window.w.after > 0;
  const bool dilated = window.h.dilation > 1 || window.w.dilation > 1;
  std::string message = quoted(context.verb) + " has a " + times(window.h.kernel, window.w.kernel) + " kernel";
  if (dilated) message += " that spans " + times(window.h.extent(), window.w.extent());
  message += ", larger than its " + std::string(padded ? "padded " : "") + "input, " +
             times(window.h.in + window.h.before + window.h.after, window.w.in + window.w.before + window.w.after);
  Diagnostic& error = error_at(context, "N0302", "kernel", message);
  error.label = "the input is " + shape_text(context.inputs[0]);
  note_origin(context, error);
  error.help = padded ? "use a smaller kernel, or fewer strides and pools before it" : "use a smaller kernel, or `pad` it";
  return false;
}

void note_dropped(const InferContext& context, const Window& window) {
  const int64_t bottom = dropped(window.h), right = dropped(window.w);
  if (bottom == 0 && right == 0) return;
  std::string what = bottom > 0 ? counted(bottom, "row") : "";
  if (right > 0) what += (what.empty() ? "" : " and ") + counted(right, "column");
  Diagnostic& note = context.diagnostics.note(
      "N0801", context.where, quoted(context.verb) + " drops " + what + " of its input " + shape_text(context.inputs[0]));
  note.help = "`ceil` keeps them in smaller windows at the edge";
}

ArgSpec kernel_arg(std::string_view help) { return positional("kernel", ArgKind::kernel, help); }

ArgSpec pad_arg() {
  return {.name = "pad", .kind = ArgKind::integer, .min_values = 0, .max_values = 2, .default_text = "0",
          .help = "padding on every side: bare, (kernel - 1) / 2 * dilation; or pad=p; or pad=ph,pw"};
}

ArgSpec same_arg() { return flag("same", "TensorFlow's padding: ceil(input / stride) outputs, the odd row at the bottom and right"); }

}  // namespace netc::ops
