#include "ops/common.h"

#include <cstdio>
#include <limits>

namespace netc::ops {

ArgSpec positional(std::string_view name, ArgKind kind, std::string_view help) {
  return {.name = name, .kind = kind, .positional = true, .required = true, .default_text = {}, .help = help};
}

ArgSpec optional_positional(std::string_view name, ArgKind kind, std::string_view default_text, std::string_view help) {
  return {.name = name, .kind = kind, .positional = true, .default_text = default_text, .help = help};
}

ArgSpec flag(std::string_view name, std::string_view help) {
  return {.name = name, .kind = ArgKind::flag, .min_values = 0, .max_values = 0, .default_text = {}, .help = help};
}

ArgSpec word(std::string_view name, ArgKind kind, std::string_view default_text, std::string_view help) {
  return {.name = name, .kind = kind, .default_text = default_text, .help = help};
}

ArgSpec bias_flag() { return flag("bias", "has a bias even where a bn follows"); }

ArgSpec nobias_flag() { return flag("nobias", "has no bias"); }
ArgSpec tie_label() { return {.name = "tie", .kind = ArgKind::label, .default_text = "", .help = "shares the weight of the layer with that label"}; }

int64_t channels(const Shape& shape) { return shape.back(); }

int64_t rows(const Shape& shape) {
  const int64_t c = channels(shape);
  return c > 0 ? elements(shape).value() / c : 0;
}

std::optional<Shape> same_shape(const InferContext& context) { return context.inputs[0]; }

Size no_flops(const LayerInfo&) { return 0; }

Diagnostic& error_at(const InferContext& context, std::string_view code, std::string_view name, std::string message) {
  const ArgValue* value = context.args.find(name);
  const Location where = value != nullptr && value->where.valid() ? value->where : context.where;
  return context.diagnostics.error(code, where, std::move(message));
}

bool check_number(const InferContext& context, std::string_view name, double value, bool ok, std::string_view wanted) {
  if (ok) return true;
  error_at(context, "N0310", name,
           quoted(context.verb) + " wants " + std::string(name) + " " + std::string(wanted) + ", not " + number_text(value));
  return false;
}

bool check_integers(const InferContext& context, std::string_view name, int64_t least) {
  for (size_t i = 0; i < context.args.count(name); ++i) {
    const int64_t value = context.args.integer(name, 0, i);
    if (value < least) return check_number(context, name, static_cast<double>(value), false, "to be at least " + std::to_string(least));
    if (!check_int32(context, name, value)) return false;
  }
  return true;
}

bool check_exclusive(const InferContext& context, std::string_view first, std::string_view second) {
  if (!context.args.has(first) || !context.args.has(second)) return true;
  error_at(context, "N0310", second, quoted(context.verb) + " cannot be both " + quoted(first) + " and " + quoted(second)).help =
      "leave one of them out";
  return false;
}

bool check_image(const InferContext& context) {
  const Shape& shape = context.inputs[0];
  if (shape.size() == 3) return true;
  Diagnostic& error = context.error("N0307", quoted(context.verb) + " wants an input H x W x C, not " + shape_text(shape));
  note_origin(context, error);
  error.help = shape.size() == 1 ? "put it before the layer that flattens the image" : "a sequence T x C has no rows and columns";
  return false;
}

namespace {

bool fits_int32(Size size) { return size.ok() && size.value() <= std::numeric_limits<int32_t>::max(); }

}  // namespace

bool check_sequence(const InferContext& context) {
  const Shape& shape = context.inputs[0];
  if (shape.size() == 2) return true;
  Diagnostic& error = context.error("N0307", quoted(context.verb) + " wants an input T x C, not " + shape_text(shape));
  note_origin(context, error);
  error.help = shape.size() == 3 ? "`tokens` makes a sequence of an image"
                                 : "a sequence comes from an input like: input 128x64, or from token ids by way of: embed 100 64";
  return false;
}

bool check_int32(const InferContext& context, std::string_view what, Size size) {
  if (fits_int32(size)) return true;
  const std::string amount = size.ok() ? std::to_string(size.value()) : "more than 63 bits";
  context.error("N0309", quoted(context.verb) + " is too large: " + std::string(what) + " is " + amount + ", the limit is 2147483647");
  return false;
}

bool check_shape(const InferContext& context, std::string_view what, const Shape& shape) {
  for (const int64_t size : shape) {
    if (!fits_int32(size)) return check_int32(context, "a side of " + std::string(what), size);
  }
  // The bytes of a batch are checked where the batch is known; here 4 bytes an element must be countable.
  if ((elements(shape) * Size(4)).ok()) return true;
  context.error("N0309", quoted(context.verb) + " is too large: the bytes of " + std::string(what) + ", " + shape_text(shape) +
                             ", do not fit in 63 bits");
  return false;
}

bool check_rows(const InferContext& context) {
  const Shape& shape = context.inputs[0];
  if (!check_shape(context, "its input", shape)) return false;
  return check_int32(context, "the number of values of one channel", rows(shape));
}

void report_groups(const InferContext& context, int64_t c, int64_t groups) {
  Diagnostic& error = error_at(context, "N0304", "groups",
                               std::to_string(c) + " input channels cannot be divided into " + std::to_string(groups) + " groups");
  error.label = "the input is " + shape_text(context.inputs[0]);
  note_origin(context, error);
}

void note_origin(const InferContext& context, Diagnostic& diagnostic, size_t index) {
  const std::string origin = context.origin ? context.origin(index) : "";
  if (!origin.empty()) diagnostic.notes.push_back({"its input comes from " + origin, {}});
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

std::string quoted(std::string_view word) { return "`" + std::string(word) + "`"; }

}  // namespace netc::ops
