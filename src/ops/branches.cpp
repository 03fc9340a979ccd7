#include "ops/branches.h"

namespace netc::ops {

void report_mismatch(const InferContext& context, const std::vector<size_t>& wrong, std::string help) {
  Diagnostic& error = context.error("N0301", quoted(context.verb) + " branches differ");
  std::vector<size_t> named{0};
  named.insert(named.end(), wrong.begin(), wrong.end());
  for (const size_t i : named) {
    const std::string branch = "branch " + std::to_string(i + 1);
    error.label += (error.label.empty() ? "" : ", ") + branch + " is " + shape_text(context.inputs[i]);
    const std::string origin = context.origin ? context.origin(i) : "";
    if (origin.empty()) continue;
    // An origin is a statement in backquotes, or "the block's input, from `...`".
    const bool statement = origin.starts_with('`');
    error.notes.push_back({branch + (statement ? " comes from " : " is ") + origin, {}});
  }
  error.help = std::move(help);
}

std::string mismatch_help(const Shape& first, const Shape& other, size_t index) {
  const std::string number = std::to_string(index + 1);
  if (first.size() != other.size()) return "give both branches the same form: H x W x C, T x C or a flat vector";
  if (first.size() != 3) return "bring branch " + number + " to " + shape_text(first);
  const std::string filters = std::to_string(channels(first));
  if (first[0] == other[0] && first[1] == other[1]) {
    return "bring branch " + number + " to " + filters + " channels: { conv " + filters + " 1x1; bn }";
  }
  const int64_t stride = first[0] > 0 ? (other[0] + first[0] - 1) / first[0] : 1;
  const bool strided = stride > 1 && (other[0] + stride - 1) / stride == first[0] && (other[1] + stride - 1) / stride == first[1];
  if (strided) {
    return "bring branch " + number + " to " + shape_text(first) + ": { conv " + filters + " 1x1/" + std::to_string(stride) + "; bn }";
  }
  return "bring both branches to the same height and width, with `pad`, a stride, `crop` or `padto`";
}

}  // namespace netc::ops
