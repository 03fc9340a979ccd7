#include "backend/pytorch_tree.h"

#include <regex>
#include <set>

#include "backend/python_names.h"

namespace netc {

namespace {

std::vector<std::string> components(const std::string& name) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t dot; (dot = name.find('.', begin)) != std::string::npos; begin = dot + 1) parts.push_back(name.substr(begin, dot - begin));
  parts.push_back(name.substr(begin));
  return parts;
}

class Builder {
 public:
  Builder(const Graph& graph, TorchTree& tree) : graph_(graph), tree_(tree) {}

  void run() {
    for (const Layer& layer : graph_.layers) tree_.twins.push_back(twin(layer));
    define_globals();
    const bool flat = weights_cross_blocks();
    place_layers(flat);
    name_items();
    tree_.result = graph_.last.valid() ? static_cast<Made>(graph_.last.at()) : kNetworkInput;
    connect();
  }

 private:
  TorchLayer twin(const Layer& layer) const {
    std::vector<Shape> shapes;
    for (const LayerId source : layer.sources) shapes.push_back(source.valid() ? graph_[source].shape : graph_[graph_.input].type.shape);
    LayerInfo info{layer.args, shapes, layer.shape};
    info.has_bias = layer.has_bias;
    return layer.op->torch(info);
  }

  void define_globals() {
    const std::regex definition("(?:^|\n)(?:def|class) (\\w+)");
    for (const TorchLayer& twin : tree_.twins)
      for (std::sregex_iterator at(twin.helper.begin(), twin.helper.end(), definition), end; at != end; ++at) tree_.globals.insert((*at)[1]);
  }

  /// The scope each layer would lie in, as the prefix of its name.
  static std::string prefix(const Layer& layer) { return layer.name.substr(0, layer.name.rfind('.') == std::string::npos ? 0 : layer.name.rfind('.')); }

  /// Whether some layer uses the weight of a layer in another block: then there are no blocks, so that the weight can be named.
  bool weights_cross_blocks() const {
    for (size_t i = 0; i < graph_.layers.size(); ++i)
      for (const ValueId param : graph_.layers[i].params) {
        const LayerId owner = graph_[param].layer;
        if (owner.at() != i && prefix(graph_[owner]) != prefix(graph_.layers[i])) return true;
      }
    return false;
  }

  void place_layers(bool flat) {
    tree_.scopes.push_back({});
    std::vector<int> open{0};
    for (size_t i = 0; i < graph_.layers.size(); ++i) {
      const std::vector<std::string> parts = flat ? std::vector{graph_.layers[i].name} : components(graph_.layers[i].name);
      size_t same = 0;
      while (same + 1 < open.size() && same + 1 < parts.size() && tree_.scopes[static_cast<size_t>(open[same + 1])].component == parts[same]) ++same;
      open.resize(same + 1);
      for (; same + 1 < parts.size(); ++same) open.push_back(open_scope(open.back(), parts[same]));
      tree_.scope_of.push_back(open.back());
      if (!tree_.is_loss(graph_, i)) scope(open.back()).items.push_back({.layer = static_cast<int>(i), .scope = -1, .name = parts.back()});
    }
  }

  TorchScope& scope(int index) { return tree_.scopes[static_cast<size_t>(index)]; }

  int open_scope(int parent, const std::string& component) {
    const int index = static_cast<int>(tree_.scopes.size());
    scope(parent).items.push_back({.layer = -1, .scope = index, .name = component});
    tree_.scopes.push_back({.parent = parent, .component = component, .items = {}, .inputs = {}, .outputs = {}});
    return index;
  }

  void name_items() {
    std::vector<std::string> before(tree_.scopes.size());
    tree_.path.resize(graph_.layers.size());
    for (size_t s = 0; s < tree_.scopes.size(); ++s) {
      PythonNames names(&tree_.globals);
      for (TorchScope::Item& item : tree_.scopes[s].items) {
        item.name = names.make(item.name);
        if (item.scope >= 0) before[static_cast<size_t>(item.scope)] = before[s] + item.name + ".";
        else tree_.path[static_cast<size_t>(item.layer)] = before[s] + item.name;
      }
    }
  }

  int depth(int scope) const {
    int depth = 0;
    for (; scope != 0; scope = tree_.scopes[static_cast<size_t>(scope)].parent) ++depth;
    return depth;
  }

  /// Value `made` is read in scope `reader`: it enters every scope between them and leaves those it was made in.
  void connect(Made made, int reader) {
    int from = made == kNetworkInput ? 0 : tree_.scope_of[static_cast<size_t>(made)];
    int from_depth = depth(from), reader_depth = depth(reader);
    while (from != reader) {
      if (from_depth > reader_depth) {
        add(scope(from).outputs, made, from, true);
        from = scope(from).parent, --from_depth;
      } else {
        add(scope(reader).inputs, made, reader, false);
        reader = scope(reader).parent, --reader_depth;
      }
    }
  }

  void add(std::vector<Made>& list, Made made, int scope, bool output) {
    if (seen_.insert({scope * 2 + (output ? 1 : 0), made}).second) list.push_back(made);
  }

  void connect() {
    scope(0).inputs = {kNetworkInput};
    for (size_t i = 0; i < graph_.layers.size(); ++i) {
      if (tree_.is_loss(graph_, i)) continue;
      for (const LayerId source : graph_.layers[i].sources)
        connect(source.valid() ? static_cast<Made>(source.at()) : kNetworkInput, tree_.scope_of[i]);
    }
    connect(tree_.result, 0);
    scope(0).outputs = {tree_.result};
  }

  const Graph& graph_;
  TorchTree& tree_;
  std::set<std::pair<int, Made>> seen_;
};

}  // namespace

TorchTree torch_tree(const Graph& graph, std::unordered_set<std::string> globals) {
  TorchTree tree;
  tree.globals = std::move(globals);
  Builder(graph, tree).run();
  return tree;
}

}  // namespace netc
