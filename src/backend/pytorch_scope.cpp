#include "backend/pytorch_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "backend/identifiers.h"
#include "support/check.h"

namespace netc {

namespace {

class BodyWriter {
 public:
  BodyWriter(const Graph& graph, const TorchTree& tree, int scope, const TorchSource& source, const std::vector<std::string>& constructors)
      : graph_(graph), tree_(tree), scope_(tree.scopes[static_cast<size_t>(scope)]), source_(source), constructors_(constructors) {}

  TorchBody run() {
    count_uses();
    name_inputs();
    for (size_t i = 0; i < scope_.items.size(); ++i) {
      if (scope_.items[i].scope >= 0) call_block(i);
      else call_layer(i);
    }
    finish();
    return std::move(body_);
  }

 private:
  struct Uses {
    int count = 0;
    size_t last = 0;
  };

  std::vector<Made> reads(const TorchScope::Item& item) const {
    if (item.scope >= 0) return tree_.scopes[static_cast<size_t>(item.scope)].inputs;
    std::vector<Made> made;
    for (const LayerId source : graph_.layers[static_cast<size_t>(item.layer)].sources)
      made.push_back(source.valid() ? static_cast<Made>(source.at()) : kNetworkInput);
    return made;
  }

  void use(Made made, size_t item) {
    Uses& uses = uses_[made];
    if (uses.count == 0 || uses.last != item) ++uses.count;
    uses.last = item;
  }

  void count_uses() {
    for (size_t i = 0; i < scope_.items.size(); ++i)
      for (const Made made : reads(scope_.items[i])) use(made, i);
    for (const Made made : scope_.outputs) use(made, scope_.items.size());
  }

  /// The first input is x. What is handed from one line to the next is x too, unless that first x is read again.
  void name_inputs() {
    for (size_t i = 0; i < scope_.inputs.size(); ++i) {
      names_[scope_.inputs[i]] = i == 0 ? "x" : fmt::format("x{}", i + 1);
      body_.arguments += (i == 0 ? "" : ", ") + names_[scope_.inputs[i]];
    }
    const bool handed_on = !scope_.inputs.empty() && uses_[scope_.inputs[0]].count == 1 && uses_[scope_.inputs[0]].last == 0;
    running_ = handed_on || scope_.inputs.empty() ? "x" : "y";
  }

  TorchLine line(std::string code, const Layer& layer) const {
    const std::string where = source_.place(layer.where);
    return {std::move(code), comment_text(fmt::format("{}  {} -> {}", where, layer.source, shape_text(layer.shape))),
            comment_text(fmt::format("{}  {}", where, source_.statement(layer.where)))};
  }

  /// `expression` becomes the value `made` of item `i`.
  void assign(size_t i, const std::vector<Made>& made, const std::string& expression, TorchLine line) {
    const bool last = i + 1 == scope_.items.size() && made == scope_.outputs;
    std::string left;
    if (last) {
      returned_ = true;
      left = "return ";
    } else if (!made.empty()) {
      for (size_t k = 0; k < made.size(); ++k) {
        const Uses& uses = uses_[made[k]];
        const bool handed_on = made.size() == 1 && uses.count == 1 && uses.last == i + 1;
        names_[made[k]] = handed_on ? running_ : made.size() == 1 ? scope_.items[i].name : fresh_name(fmt::format("{}_{}", scope_.items[i].name, k + 1));
        left += (k > 0 ? ", " : "") + names_[made[k]];
      }
      left += " = ";
    }
    line.code = left + expression;
    body_.forward.push_back(std::move(line));
  }

  std::string fresh_name(std::string name) const {
    const auto taken = [&](const TorchScope::Item& item) { return item.name == name; };
    while (std::any_of(scope_.items.begin(), scope_.items.end(), taken)) name += '_';
    return name;
  }

  void call_block(size_t i) {
    const TorchScope::Item& item = scope_.items[i];
    const TorchScope& block = tree_.scopes[static_cast<size_t>(item.scope)];
    body_.init.push_back({fmt::format("self.{} = {}", item.name, constructors_[static_cast<size_t>(item.scope)]), {}, {}});
    std::string inputs;
    for (const Made made : block.inputs) inputs += (inputs.empty() ? "" : ", ") + names_[made];
    assign(i, block.outputs, fmt::format("self.{}({})", item.name, inputs), {});
  }

  void call_layer(size_t i) {
    const TorchScope::Item& item = scope_.items[i];
    const Layer& layer = graph_.layers[static_cast<size_t>(item.layer)];
    const TorchLayer& twin = tree_.twins[static_cast<size_t>(item.layer)];
    TorchLine forward = line({}, layer);
    if (!twin.module.empty()) {
      body_.init.push_back(line(fmt::format("self.{} = {}", item.name, twin.module), layer));
      forward = {};
    }
    const bool used = uses_[item.layer].count > 0;
    assign(i, used ? std::vector<Made>{item.layer} : std::vector<Made>{}, expand(item, twin), std::move(forward));
  }

  /// The twin's expression with names for {0}, {m} and {p0}.
  std::string expand(const TorchScope::Item& item, const TorchLayer& twin) {
    const std::vector<Made> inputs = reads(item);
    std::string text;
    for (size_t at = 0; at < twin.call.size();) {
      const size_t close = twin.call[at] == '{' ? twin.call.find('}', at) : std::string::npos;
      if (close == std::string::npos) {
        text += twin.call[at++];
        continue;
      }
      const std::string key = twin.call.substr(at + 1, close - at - 1);
      if (key == "m") text += "self." + item.name;
      else if (key[0] == 'p') text += parameter(item, twin, static_cast<size_t>(std::stoi(key.substr(1))));
      else text += names_[inputs.at(static_cast<size_t>(std::stoi(key)))];
      at = close + 1;
    }
    return text;
  }

  /// The attribute that holds tensor `index` of the twin: the layer's own or that of the layer whose weight it shares.
  std::string parameter(const TorchScope::Item& item, const TorchLayer& twin, size_t index) const {
    const Layer& layer = graph_.layers[static_cast<size_t>(item.layer)];
    const TorchTensor& tensor = twin.tensors.at(index);
    const ValueId param = layer.params.at(static_cast<size_t>(tensor.tensor));
    const size_t owner = graph_[param].layer.at();
    for (const TorchScope::Item& other : scope_.items) {
      if (other.layer != static_cast<int>(owner)) continue;
      const std::vector<ValueId>& params = graph_.layers[owner].params;
      const auto place = std::find(params.begin(), params.end(), param) - params.begin();
      for (const TorchTensor& held : tree_.twins[owner].tensors)
        if (held.tensor == place) return fmt::format("self.{}.{}", other.name, held.attribute);
    }
    NETC_CHECK(false, "a weight that PyTorch's twin names lies in no module of its block");
  }

  void finish() {
    if (returned_ || scope_.outputs.empty()) return;
    std::string results;
    for (const Made made : scope_.outputs) results += (results.empty() ? "" : ", ") + names_[made];
    body_.forward.push_back({"return " + results, {}, {}});
  }

  const Graph& graph_;
  const TorchTree& tree_;
  const TorchScope& scope_;
  const TorchSource& source_;
  const std::vector<std::string>& constructors_;
  TorchBody body_;
  std::unordered_map<Made, Uses> uses_;
  std::unordered_map<Made, std::string> names_;
  std::string running_;
  bool returned_ = false;
};

}  // namespace

TorchSource::TorchSource(const Sources& sources) : sources_(sources) {
  for (const SourceFile& file : sources.files) {
    lines_.push_back({0});
    for (size_t at = 0; (at = file.text.find('\n', at)) != std::string::npos;) lines_.back().push_back(++at);
  }
}

std::string TorchSource::place(const Location& where) const {
  if (!where.valid()) return {};
  const std::string& path = sources_.files[static_cast<size_t>(where.file)].path;
  return fmt::format("{}:{}", path.substr(path.find_last_of('/') + 1), where.line);
}

std::string TorchSource::statement(const Location& where) const {
  if (!where.valid()) return {};
  const auto file = static_cast<size_t>(where.file);
  const std::string& text = sources_.files[file].text;
  size_t begin = lines_[file].at(static_cast<size_t>(where.line - 1));
  for (int column = 1; column < where.column && begin < text.size(); ++column)  // columns count code points
    do ++begin;
    while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80);
  return text.substr(begin, text.find_first_of(";#{}\n", begin) - begin);
}

TorchBody torch_body(const Graph& graph, const TorchTree& tree, int scope, const TorchSource& source,
                     const std::vector<std::string>& constructors) {
  return BodyWriter(graph, tree, scope, source, constructors).run();
}

}  // namespace netc
