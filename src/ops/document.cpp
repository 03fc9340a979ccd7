#include "ops/document.h"

#include <algorithm>
#include <vector>

#include "ops/example.h"
#include "ops/table.h"

namespace netc {
namespace {

/// "1,234,567".
std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : std::string(separator)) + part;
  return text;
}

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

std::string upper(std::string_view name) {
  std::string text(name);
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string title(const OpDef& op) { return (op.is_loss ? "loss " : "") + std::string(op.name.value); }

/// How an argument is written: "KHxKW[/S]", "[pad[=p[,p]]]".
std::string form(const ArgSpec& spec) {
  std::string text;
  if (!spec.positional) {
    text = spec.name;
    if (spec.kind == ArgKind::label) {
      text += " LABEL";
    } else if (spec.max_values > 0) {
      std::string values = "v";
      for (int i = 1; i < spec.max_values; ++i) values += i < spec.min_values ? ",v" : "[,v]";
      text += spec.min_values == 0 ? "[=" + values + "]" : spec.max_values == 1 ? " v" : "=" + values;
    }
  } else if (spec.kind == ArgKind::kernel) {
    text = "KHxKW[/S]";
  } else if (spec.kind == ArgKind::size) {
    text = "HxW";
  } else if (spec.kind == ArgKind::range) {
    text = "A..B";
  } else {
    text = upper(spec.name);
  }
  return text;
}

std::string synopsis(const OpDef& op) {
  std::string text = title(op);
  for (const ArgSpec& spec : op.args.value) text += spec.required ? " " + form(spec) : " [" + form(spec) + "]";
  const auto [least, most] = op.branches.value;
  for (int i = 0; i < least; ++i) text += " {}";
  return most > least ? text + "..." : text;
}

/// How the tensors around a part of an op are called: "its input", or "its branch 2"; "its qkv" between attention's parts; "its output".
struct TensorNames {
  bool several_inputs;
  std::string before, after;
};

std::string between_name(const OpDef& op, const LoweredExample& lowered, int part, int parts) {
  if (part + 1 == parts) return "its output";
  return op.between != nullptr ? "its " + std::string(op.between(lowered.info(part)).suffix) : "its sum so far";
}

/// Also "its index (u8; the position of each maximum in its window)"; nothing for what is not kept for it alone.
std::string tensor_text(const Operand& operand, const Alternative& way, const TensorNames& names) {
  const auto index = static_cast<size_t>(operand.index);
  switch (operand.kind) {
    case Operand::Kind::x: return names.several_inputs ? "its branch " + std::to_string(index + 1) : "its input";
    case Operand::Kind::y: return names.after;
    case Operand::Kind::prev: return names.before;
    case Operand::Kind::aux: {
      const AuxSpec& aux = way.aux[index];
      return "its " + std::string(aux.suffix) + " (" + std::string(dtype_name(aux.type.dtype)) + "; " + std::string(aux.what) + ")";
    }
    default: return "";
  }
}

/// What one way of running an op keeps, each tensor with the calls that read it; empty where that is nothing.
std::string kept_by(const Alternative& way, const TensorNames& names) {
  std::vector<std::pair<std::string, std::vector<std::string>>> kept;
  for (const KernelCall& call : way.backward) {
    for (const Operand& operand : call.inputs) {
      const std::string tensor = tensor_text(operand, way, names);
      if (tensor.empty()) continue;
      auto entry = std::ranges::find(kept, tensor, [](const auto& pair) { return pair.first; });
      if (entry == kept.end()) entry = kept.insert(kept.end(), {tensor, {}});
      add_once(entry->second, std::string(call.purpose));
    }
  }
  std::vector<std::string> parts;
  for (const auto& [tensor, readers] : kept) parts.push_back(tensor + ", for " + join(readers, " and "));
  return join(parts, "; ");
}

/// The ways of an example, part by part; where there are several, autodiff chooses.
std::string kept_text(const OpDef& op, const LoweredExample& lowered) {
  const int parts = op.parts != nullptr ? op.parts(lowered.info()) : 1;
  std::vector<std::string> texts;
  TensorNames names{lowered.inputs.size() > 1, "", ""};
  for (int part = 0; part < parts; ++part) {
    std::vector<std::string> ways;
    names.after = between_name(op, lowered, part, parts);
    for (const Alternative& way : op.lower.value(lowered.info(part))) {
      const std::string kept = kept_by(way, names);
      add_once(ways, kept.empty() ? "nothing" : kept);
    }
    if (ways != std::vector<std::string>{"nothing"}) add_once(texts, join(ways, " - or - "));
    names.before = names.after;
  }
  if (texts.empty()) return parts > 0 ? "nothing" : "nothing: it is another name for the same bytes";
  return join(texts, "; ");
}

/// The texts of all examples.
std::vector<std::string> kept_texts(const OpDef& op) {
  if (op.is_loss) return {"nothing: the gradient takes the place of the scores"};
  std::vector<std::string> texts;
  for (const Example& example : op.examples.value) add_once(texts, kept_text(op, lower_example(op, example)));
  return texts;
}

/// "8x8x3 -> 8x8x4, 112 parameters, 6,912 multiply-accumulates".
std::string example_text(const OpDef& op, const Example& example) {
  if (op.branches.value.second > 0) return "on " + shape_text(example.input);
  const LoweredExample lowered = lower_example(op, example);
  std::string text = shape_text(example.input);
  if (!op.is_loss) text += " -> " + shape_text(lowered.output);
  Size parameters = 0;
  if (op.params != nullptr) {
    for (const ParamSpec& param : op.params(lowered.info())) parameters = parameters + elements(param.shape);
    text += ", " + grouped(parameters.value()) + " parameters";
  }
  if (op.macs != nullptr) text += ", " + grouped(op.macs(lowered.info()).value()) + " multiply-accumulates";
  return text;
}

std::string traits(const OpDef& op) {
  std::string text;
  const bool convolves = std::ranges::find(op.args.value, ArgKind::kernel, &ArgSpec::kind) != op.args.value.end();
  if (op.default_bias && convolves) text += "Has a bias unless `nobias`, or a `bn` directly follows and it does not say `bias`. ";
  if (op.default_bias && !convolves) text += op.parts != nullptr ? "Has biases unless `nobias`. " : "Has a bias unless `nobias`. ";
  if (op.drops_preceding_bias) text += "A convolution right before it needs no bias. ";
  if (op.fuse_activation != FuseActivation::no) text += "An activation right after it can run inside its kernel. ";
  if (!text.empty()) text.back() = '\n';
  return text.empty() ? text : text + "\n";
}

std::string section(const OpDef& op) {
  std::string text = "## " + title(op) + "\n\n";
  text += std::string(op.summary.value);
  for (const std::string_view alias : op.aliases) text += " Also written `" + std::string(alias) + "`.";
  text += "\n\n`" + synopsis(op) + "`\n\n";
  if (!op.args.value.empty()) {
    text += "| argument | default | meaning |\n|---|---|---|\n";
    for (const ArgSpec& spec : op.args.value) {
      const std::string fallback = spec.required ? "required" : std::string(spec.default_text);
      text += "| `" + form(spec) + "` | " + fallback + " | " + std::string(spec.help) + " |\n";
    }
    text += "\n";
  }
  text += traits(op);
  const std::vector<std::string> kept = kept_texts(op);
  text += "Kept for the backward pass" + std::string(kept.size() > 1 ? ", by arguments and shapes:\n\n" : ": ");
  for (const std::string& line : kept) text += (kept.size() > 1 ? "- " : "") + line + ".\n";
  text += "\n```\n";
  size_t width = 0;
  for (const Example& example : op.examples.value) width = std::max(width, example.source.size());
  for (const Example& example : op.examples.value) {
    text += std::string(example.source) + std::string(width - example.source.size(), ' ') + "   # " + example_text(op, example) + "\n";
  }
  return text + "```\n\n";
}

}  // namespace

std::string ops_markdown() {
  std::string text =
      "# Ops\n\n"
      "Written from the op table (`src/ops/`) by the test suite; do not edit by hand: `NETC_UPDATE=1 scripts/test` rewrites it.\n\n"
      "Shapes are H x W x C, or {N} for a flat vector, or T x C for a sequence; the batch is never written. Where several ways to keep\n"
      "what the backward pass needs are listed, netc takes the first whose tensors somebody else keeps anyway, else the smallest.\n"
      "Every example below is also a gradient check.\n\n";
  for (const OpDef* op : op_table()) text += section(*op);
  text.pop_back();
  return text;
}

std::string ops_help(std::string_view name) {
  const bool loss = name.starts_with("loss ");
  const OpDef* op = loss ? find_loss(name.substr(5)) : find_op(name);
  if (op == nullptr && !loss) op = find_loss(name);
  if (op == nullptr) return "";
  std::string text = synopsis(*op) + "\n  " + std::string(op->summary.value) + "\n";
  size_t width = 0;
  for (const ArgSpec& spec : op->args.value) width = std::max(width, form(spec).size());
  for (const ArgSpec& spec : op->args.value) {
    const std::string written = form(spec);
    text += "    " + written + std::string(width - written.size() + 2, ' ') + std::string(spec.help);
    if (!spec.default_text.empty()) text += " (default " + std::string(spec.default_text) + ")";
    text += "\n";
  }
  text += "  Examples:\n";
  for (const Example& example : op->examples.value) text += "    " + std::string(example.source) + "\n";
  return text;
}

}  // namespace netc
