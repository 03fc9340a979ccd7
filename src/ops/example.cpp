#include "ops/example.h"

#include <algorithm>
#include <charconv>

#include "support/check.h"

namespace netc {
namespace {

std::vector<std::string> words_of(std::string_view source) {
  std::vector<std::string> words(1);
  for (const char c : source.substr(0, source.find('{'))) {
    if (c != ' ') words.back() += c;
    else if (!words.back().empty()) words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// The numbers of "3x3/2x1", "1..3", "1,2" or "1e-3", whatever stands between them.
Numbers numbers_of(const std::string& text) {
  Numbers numbers;
  const char *at = text.data(), *end = at + text.size();
  while (at != end) {
    double number = 0;
    const auto [next, error] = std::from_chars(at, end, number);  // stops at the `x` of 0x3 and after the first point of 1..3
    const bool digit = *at >= '0' && *at <= '9';
    if (digit && error == std::errc()) numbers.push_back(number);
    at = digit && next != at ? next : at + 1;
  }
  return numbers;
}

bool starts_number(const std::string& text) { return !text.empty() && text[0] >= '0' && text[0] <= '9'; }

/// `kh x kw [/ sh [x sw]]` with one stride for both directions filled in.
void complete_kernel(Numbers& numbers) {
  if (numbers.size() == 3) numbers.push_back(numbers[2]);
}

}  // namespace

Args example_args(const OpDef& op, std::string_view source) {
  const std::vector<std::string> words = words_of(source);
  const std::vector<ArgSpec>& specs = op.args;
  auto positional = specs.begin();
  Args args;
  for (size_t i = op.is_loss ? 2 : 1; i < words.size(); ++i) {
    if (starts_number(words[i])) {
      positional = std::find_if(positional, specs.end(), [](const ArgSpec& spec) { return spec.positional; });
      NETC_CHECK(positional != specs.end(), "an example has more numbers than its op takes");
      ArgValue value{numbers_of(words[i]), {}, {}};
      if (positional->kind == ArgKind::kernel) complete_kernel(value.numbers);
      args.set(positional->name, std::move(value));
      ++positional;
      continue;
    }
    const size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const auto spec = std::ranges::find(specs, name, &ArgSpec::name);
    NETC_CHECK(spec != specs.end(), "an example has a word that its op does not know");
    ArgValue value;
    if (equals != std::string::npos) value.numbers = numbers_of(words[i].substr(equals + 1));
    else if (spec->max_values > 0 && i + 1 < words.size() && starts_number(words[i + 1])) value.numbers = numbers_of(words[++i]);
    args.set(spec->name, std::move(value));
  }
  return args;
}

LayerInfo LoweredExample::info(int part) const {
  LayerInfo layer{args, inputs, output};
  layer.has_bias = has_bias;
  layer.part = part;
  return layer;
}

LoweredExample lower_example(const OpDef& op, const Example& example) {
  LoweredExample lowered;
  lowered.args = example_args(op, example.source);
  lowered.inputs.assign(static_cast<size_t>(std::max(1, op.branches.value.first)), example.input);
  lowered.has_bias = op.default_bias && !lowered.args.has("nobias");
  Diagnostics diagnostics;
  const auto output = op.infer.value(InferContext{lowered.args, lowered.inputs, op.name, {}, diagnostics, {}});
  NETC_CHECK(output.has_value(), "an example of the table does not have a shape");
  lowered.output = *output;
  return lowered;
}

}  // namespace netc
