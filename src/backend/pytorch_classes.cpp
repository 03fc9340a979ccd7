#include "backend/pytorch_classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "backend/identifiers.h"
#include "backend/python_names.h"
#include "backend/pytorch_scope.h"

namespace netc {

namespace {

/// "bottleneck" of "bottleneck3": the def that a block is a call of.
std::string def_name(const std::string& component) {
  size_t end = component.size();
  while (end > 0 && std::isdigit(static_cast<unsigned char>(component[end - 1]))) --end;
  // "a1_2" is the second call of a1.
  if (end > 1 && component[end - 1] == '_' && std::isdigit(static_cast<unsigned char>(component[end - 2]))) --end;
  return component.substr(0, std::max<size_t>(end, 1));
}

/// A line of a constructor cut at its numbers: texts[0] numbers[0] texts[1] ...
struct CutLine {
  std::vector<std::string> texts{""}, numbers;
};

CutLine cut(const std::string& code) {
  CutLine cut;
  for (size_t i = 0; i < code.size();) {
    const char before = i == 0 ? ' ' : code[i - 1];
    const bool word = std::isalnum(static_cast<unsigned char>(before)) || before == '_' || before == '.';
    if (!std::isdigit(static_cast<unsigned char>(code[i])) || word) {
      cut.texts.back() += code[i++];
      continue;
    }
    size_t end = i;
    const auto belongs = [&](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || ((c == '-' || c == '+') && code[end - 1] == 'e');
    };
    while (end < code.size() && belongs(code[end])) ++end;
    cut.numbers.push_back(code.substr(i, end - i));
    cut.texts.emplace_back();
    i = end;
  }
  return cut;
}

bool is_integer(const std::string& number) { return number.find_first_not_of("0123456789") == std::string::npos && number.size() < 16; }

/// The parameters of a class: numbers that differ from block to block, each named after what it is first used for.
class Parameters {
 public:
  /// An expression for a column of numbers, one for each block; `before` is the text in front of it.
  std::string expression(const std::vector<std::string>& column, const std::string& line, const std::string& before) {
    if (std::all_of(column.begin(), column.end(), [&](const std::string& number) { return number == column[0]; })) return column[0];
    for (const auto& [name, values] : known_) {
      if (values == column) return name;
      const std::string factor = multiple(column, values);
      if (!factor.empty()) return fmt::format("{} * {}", factor, name);
      const std::string divisor = multiple(values, column);
      if (!divisor.empty()) return fmt::format("{} // {}", name, divisor);
    }
    std::string name = name_of(line, before);
    const int number = ++counts_[name];
    if (number > 1) name += std::to_string(number);
    known_.emplace_back(name, column);
    return name;
  }

  /// ", channels, size"
  std::string declared() const {
    std::string text;
    for (const auto& [name, values] : known_) text += ", " + name;
    return text;
  }

  std::string arguments(size_t block) const {
    std::string text;
    for (const auto& [name, values] : known_) text += (text.empty() ? "" : ", ") + values[block];
    return text;
  }

 private:
  /// k where every number is k times its counterpart, k a whole number above 1.
  static std::string multiple(const std::vector<std::string>& numbers, const std::vector<std::string>& of) {
    int64_t factor = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (!is_integer(numbers[i]) || !is_integer(of[i])) return {};
      const int64_t number = std::stoll(numbers[i]), base = std::stoll(of[i]);
      if (base == 0 || number % base != 0 || (factor != 0 && number / base != factor)) return {};
      factor = number / base;
    }
    return factor > 1 ? std::to_string(factor) : "";
  }

  /// A keyword argument's own name; else sizes come behind two numbers of channels, as in PyTorch's modules.
  static std::string name_of(const std::string& line, const std::string& before) {
    if (!before.empty() && before.back() == '=') {
      const size_t begin = before.find_last_of(" (,", before.size() - 2) + 1;
      return before.substr(begin, before.size() - 1 - begin);
    }
    return std::count(line.begin() + static_cast<std::ptrdiff_t>(line.find('=')), line.end(), ',') < 2 ? "channels" : "size";
  }

  std::vector<std::pair<std::string, std::vector<std::string>>> known_;
  std::map<std::string, int> counts_;
};

class ClassWriter {
 public:
  ClassWriter(const Graph& graph, const TorchTree& tree, const Sources& sources, const std::string& after)
      : graph_(graph), tree_(tree), source_(sources), after_(after), names_(&tree.globals), constructors_(tree.scopes.size()) {}

  std::string run() {
    // Blocks of one height need only lower ones; what is equal has the same height.
    std::vector<int> height(tree_.scopes.size());
    for (size_t s = tree_.scopes.size(); s-- > 1;) {
      int& parent = height[static_cast<size_t>(tree_.scopes[s].parent)];
      parent = std::max(parent, height[s] + 1);
    }
    std::map<int, std::vector<int>> by_height;
    for (size_t s = 1; s < tree_.scopes.size(); ++s) by_height[height[s]].push_back(static_cast<int>(s));
    for (const auto& [level, scopes] : by_height) write_level(scopes);
    write_net();
    return std::move(out_);
  }

 private:
  void write_level(const std::vector<int>& scopes) {
    std::map<std::string, std::vector<int>> groups;
    std::vector<std::string> order;
    std::vector<TorchBody> bodies(tree_.scopes.size());
    for (const int scope : scopes) {
      TorchBody& body = bodies[static_cast<size_t>(scope)];
      body = torch_body(graph_, tree_, scope, source_, constructors_);
      std::string key = def_name(tree_.scopes[static_cast<size_t>(scope)].component) + "\n" + body.arguments;
      for (const TorchLine& line : body.init) {
        key += '\n';
        for (const std::string& text : cut(line.code).texts) (key += text) += '#';
      }
      for (const TorchLine& line : body.forward) key += "\n" + line.code;
      std::vector<int>& group = groups[key];
      if (group.empty()) order.push_back(key);
      group.push_back(scope);
    }
    for (const std::string& key : order) {
      std::vector<const TorchBody*> group;
      for (const int scope : groups[key]) group.push_back(&bodies[static_cast<size_t>(scope)]);
      write_block(groups[key], group);
    }
  }

  void write_block(const std::vector<int>& scopes, const std::vector<const TorchBody*>& bodies) {
    const std::string def = def_name(tree_.scopes[static_cast<size_t>(scopes[0])].component);
    const std::string plain = pascal_case(def);
    const int variant = ++variants_[plain];
    const std::string between = !plain.empty() && std::isdigit(static_cast<unsigned char>(plain.back())) ? "_" : "";
    const std::string name = names_.make(variant == 1 ? plain : fmt::format("{}{}{}", plain, between, variant));
    Parameters parameters;
    const std::vector<TorchLine> init = merged_init(bodies, parameters);
    const std::string times = bodies.size() == 1 ? "once" : bodies.size() == 2 ? "twice" : fmt::format("{} times", bodies.size());
    write_class(name, fmt::format("`def {}`, used {}.", def, times), parameters.declared(), init, merged_forward(bodies), bodies[0]->arguments);
    for (size_t i = 0; i < scopes.size(); ++i) constructors_[static_cast<size_t>(scopes[i])] = fmt::format("{}({})", name, parameters.arguments(i));
  }

  /// The comment of line `index`: in full where all blocks agree, else as written.
  template <class Lines>
  static std::string comment(const std::vector<const TorchBody*>& bodies, const Lines& lines, size_t index) {
    const TorchLine& first = lines(*bodies[0])[index];
    const bool same = std::all_of(bodies.begin(), bodies.end(), [&](const TorchBody* body) { return lines(*body)[index].comment == first.comment; });
    return same ? first.comment : first.written;
  }

  static std::vector<TorchLine> merged_init(const std::vector<const TorchBody*>& bodies, Parameters& parameters) {
    const auto lines = [](const TorchBody& body) -> const std::vector<TorchLine>& { return body.init; };
    std::vector<TorchLine> merged;
    for (size_t i = 0; i < bodies[0]->init.size(); ++i) {
      std::vector<CutLine> cuts;
      for (const TorchBody* body : bodies) cuts.push_back(cut(body->init[i].code));
      std::string code = cuts[0].texts[0];
      for (size_t n = 0; n < cuts[0].numbers.size(); ++n) {
        std::vector<std::string> column;
        for (const CutLine& each : cuts) column.push_back(each.numbers[n]);
        code += parameters.expression(column, code, cuts[0].texts[n]) + cuts[0].texts[n + 1];
      }
      merged.push_back({code, comment(bodies, lines, i), {}});
    }
    return merged;
  }

  static std::vector<TorchLine> merged_forward(const std::vector<const TorchBody*>& bodies) {
    const auto lines = [](const TorchBody& body) -> const std::vector<TorchLine>& { return body.forward; };
    std::vector<TorchLine> merged = bodies[0]->forward;
    for (size_t i = 0; i < merged.size(); ++i) merged[i].comment = comment(bodies, lines, i);
    return merged;
  }

  void write_net() {
    const TorchBody body = torch_body(graph_, tree_, 0, source_, constructors_);
    std::vector<TorchLine> init = body.init;
    if (!after_.empty()) init.push_back({after_, {}, {}});
    write_class("Net", {}, {}, init, body.forward, body.arguments);
  }

  void write_class(const std::string& name, const std::string& documentation, const std::string& parameters, const std::vector<TorchLine>& init,
                   const std::vector<TorchLine>& forward, const std::string& arguments) {
    out_ += fmt::format("class {}(nn.Module):\n", name);
    if (!documentation.empty()) out_ += fmt::format("    \"\"\"{}\"\"\"\n\n", documentation);
    if (!init.empty()) {
      out_ += fmt::format("    def __init__(self{}):\n        super().__init__()\n", parameters);
      write_lines(init);
      out_ += '\n';
    }
    out_ += fmt::format("    def forward(self, {}):\n", arguments);
    write_lines(forward);
    out_ += "\n\n";
  }

  void write_lines(const std::vector<TorchLine>& lines) {
    for (const TorchLine& line : lines)
      out_ += line.comment.empty() ? fmt::format("        {}\n", line.code) : fmt::format("        {:<68}  # {}\n", line.code, line.comment);
  }

  const Graph& graph_;
  const TorchTree& tree_;
  const TorchSource source_;
  const std::string& after_;
  PythonNames names_;
  std::map<std::string, int> variants_;  ///< classes made of each def
  std::vector<std::string> constructors_;
  std::string out_;
};

}  // namespace

std::string torch_classes(const Graph& graph, const TorchTree& tree, const Sources& sources, const std::string& after) {
  return ClassWriter(graph, tree, sources, after).run();
}

}  // namespace netc
