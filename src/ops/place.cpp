#include "ops/place.h"

namespace netc::ops {
namespace {

/// Where the smaller image lies in the larger one, along one direction.
int64_t offset(const Args& args, size_t which, int64_t larger, int64_t smaller) {
  return args.has("at") ? args.integer("at", 0, which) : (larger - smaller) / 2;
}

}  // namespace

Desc place_desc(const Image& in, const Image& out, int64_t top, int64_t left) {
  Desc desc{"PlaceDesc", {}};
  desc.add_per_sample("n", 1).add("h", in.h).add("w", in.w).add("c", in.c).add("oh", out.h).add("ow", out.w);
  desc.add("top", top).add("left", left);
  return desc;
}

std::optional<Shape> infer_place(const InferContext& context, bool grows) {
  bool ok = check_image(context);
  ok = check_integers(context, "size", 1) && ok;
  ok = check_integers(context, "at", 0) && ok;
  if (!ok || !check_shape(context, "its input", context.inputs[0])) return std::nullopt;
  const Image in = as_image(context.inputs[0]);
  const Image out{context.args.integer("size", 1, 0), context.args.integer("size", 1, 1), in.c};
  const Image &larger = grows ? out : in, &smaller = grows ? in : out;
  const int64_t top = offset(context.args, 0, larger.h, smaller.h), left = offset(context.args, 1, larger.w, smaller.w);
  if (larger.h < smaller.h || larger.w < smaller.w || top + smaller.h > larger.h || left + smaller.w > larger.w) {
    const std::string size = std::to_string(out.h) + "x" + std::to_string(out.w), image = std::to_string(in.h) + "x" + std::to_string(in.w);
    const std::string at = context.args.has("at") ? " at " + std::to_string(top) + "," + std::to_string(left) : "";
    Diagnostic& error = error_at(context, "N0308", "size", grows ? "its input " + image + at + " does not fit in " + quoted("padto " + size)
                                                                 : quoted("crop " + size) + at + " does not lie within its input " + image);
    error.label = "the input is " + shape_text(context.inputs[0]);
    note_origin(context, error);
    return std::nullopt;
  }
  const Shape output{out.h, out.w, out.c};
  if (!check_shape(context, "its output", output)) return std::nullopt;
  return output;
}

std::vector<Alternative> place_calls(const LayerInfo& info, bool grows) {
  using namespace operand;
  const Image in = as_image(info.inputs[0]), out = as_image(info.output);
  const Image &larger = grows ? out : in, &smaller = grows ? in : out;
  const int64_t seen = elements({smaller.h, smaller.w, smaller.c}).value();
  const int64_t sign = grows ? 1 : -1;
  const int64_t top = sign * offset(info.args, 0, larger.h, smaller.h), left = sign * offset(info.args, 1, larger.w, smaller.w);
  return {{.forward = {.kernel = "place_forward", .outputs = {y}, .inputs = {x()}, .desc = place_desc(in, out, top, left),
                       .work = {.touches = grows ? 0 : seen}},
           .aux = {},
           .backward = {{.kernel = "place_forward", .outputs = {dx()}, .inputs = {dy}, .desc = place_desc(out, in, -top, -left),
                         .purpose = "the gradient, shifted back", .work = {.touches = grows ? seen : 0}}}}};
}

TorchLayer torch_place(const LayerInfo& info, bool grows) {
  const Image in = as_image(info.inputs[0]), out = as_image(info.output);
  const Image &larger = grows ? out : in, &smaller = grows ? in : out;
  const int64_t top = offset(info.args, 0, larger.h, smaller.h), left = offset(info.args, 1, larger.w, smaller.w);
  const int64_t bottom = top + smaller.h, right = left + smaller.w;
  if (grows) return torch_expression(torch_padded({{.before = top, .after = larger.h - bottom}, {.before = left, .after = larger.w - right}}));
  const auto range = [](int64_t first, int64_t end) { return std::to_string(first) + ":" + std::to_string(end); };
  return torch_expression("{0}[:, :, " + range(top, bottom) + ", " + range(left, right) + "]");
}

std::vector<ArgSpec> place_args(std::string_view size_help, std::string_view at_help) {
  return {positional("size", ArgKind::size, size_help),
          {.name = "at", .kind = ArgKind::integer, .min_values = 2, .max_values = 2, .default_text = "centred", .help = at_help}};
}

}  // namespace netc::ops
