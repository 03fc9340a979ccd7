// What the tests of the op table share: a statement without branches, inferred and lowered as the passes do it.
#pragma once

#include "diag/diagnostic.h"
#include "ops/example.h"
#include "ops/table.h"

namespace ops_test {

/// One statement on given inputs: its op, arguments, output shape (if any) and diagnostics.
struct Statement {
  const netc::OpDef* op = nullptr;
  netc::Args args;
  std::vector<netc::Shape> inputs;
  std::optional<netc::Shape> output;
  netc::Diagnostics diagnostics;
  bool has_bias = true;

  netc::LayerInfo info(int part = 0) const {
    netc::LayerInfo layer{args, inputs, *output};
    layer.has_bias = has_bias;
    layer.part = part;
    return layer;
  }
  int64_t parameters() const {
    netc::Size sum = 0;
    if (op->params != nullptr)
      for (const netc::ParamSpec& param : op->params(info())) sum = sum + netc::elements(param.shape);
    return sum.value();
  }
  /// Of all parts.
  int64_t other_flops() const {
    int64_t sum = 0;
    for (int part = 0, parts = op->parts != nullptr ? op->parts(info()) : 1; part < parts; ++part) sum += op->other_flops(info(part)).value();
    return sum;
  }
  int64_t macs() const { return op->macs != nullptr ? op->macs(info()).value() : 0; }
};

inline Statement infer(const netc::OpDef& op, netc::Args args, std::vector<netc::Shape> inputs, std::vector<std::string> origins = {}) {
  Statement s;
  s.op = &op;
  s.args = std::move(args);
  s.inputs = std::move(inputs);
  s.has_bias = op.default_bias && !s.args.has("nobias");
  netc::Location where;
  where.file = 0;
  where.line = 7;
  const auto origin = [&](size_t input) { return input < origins.size() ? origins[input] : std::string(); };
  s.output = op.infer.value(netc::InferContext{s.args, s.inputs, op.name, where, s.diagnostics, origin});
  return s;
}

/// The op named by the statement's first word ("loss softmax": its second).
inline const netc::OpDef& op_of(std::string_view source) {
  const bool loss = source.starts_with("loss ");
  const std::string_view rest = loss ? source.substr(5) : source;
  const std::string_view name = rest.substr(0, rest.find(' '));
  return *(loss ? netc::find_loss(name) : netc::find_op(name));
}

inline Statement infer(std::string_view source, std::vector<netc::Shape> inputs, std::vector<std::string> origins = {}) {
  const netc::OpDef& op = op_of(source);
  netc::Args args;
  const netc::Args read = netc::example_args(op, source);
  for (auto [name, value] : read.all()) {  // each argument at a place of its own, as in a file
    value.where.file = 0;
    value.where.line = 7;
    value.where.column = 10 + static_cast<int32_t>(args.all().size());
    args.set(name, std::move(value));
  }
  return infer(op, std::move(args), std::move(inputs), std::move(origins));
}

}  // namespace ops_test
