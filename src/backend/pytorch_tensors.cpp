// Where netc and PyTorch keep the same numbers: the tables and functions of checkpoints, and first values.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "backend/identifiers.h"
#include "backend/pytorch.h"

namespace netc {

namespace {

/// A tensor of a layer's module, as TENSORS lists it.
struct Held {
  std::string attribute, suffix;  ///< PyTorch's name, netc's
  std::vector<int> axes;
  int64_t first = 0, rows = 0;
  friend bool operator==(const Held&, const Held&) = default;
};

/// netc's value behind a tensor of layer `index`'s twin; none where another layer owns it.
ValueId value_of(const Graph& graph, size_t index, const TorchTensor& tensor) {
  const Layer& layer = graph.layers[index];
  const auto at = static_cast<size_t>(tensor.tensor);
  const ValueId value = at < layer.params.size() ? layer.params[at] : layer.states.at(at - layer.params.size());
  return graph[value].layer == LayerId{static_cast<int32_t>(index)} ? value : ValueId{};
}

std::string class_of(const TorchLayer& twin) { return twin.module.substr(0, twin.module.find('(')); }

std::vector<Held> held_by(const Graph& graph, const TorchTree& tree, size_t layer) {
  std::vector<Held> list;
  for (const TorchTensor& tensor : tree.twins[layer].tensors) {
    const ValueId value = value_of(graph, layer, tensor);
    if (!value.valid()) continue;
    list.push_back({tensor.attribute, graph[value].name.substr(graph.layers[layer].name.size() + 1), tensor.axes, tensor.first, tensor.rows});
  }
  return list;
}

/// TENSORS: by class, and by name for modules whose class holds its tensors in different ways.
struct Table {
  std::map<std::string, std::vector<Held>> by_class, by_path;
  bool nested = false, parts = false;  ///< an attribute of a module inside; a part of one of netc's tensors
};

Table table_of(const Graph& graph, const TorchTree& tree) {
  Table table;
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    const std::vector<Held> held = held_by(graph, tree, i);
    if (held.empty()) continue;
    std::vector<Held>& known = table.by_class[class_of(tree.twins[i])];
    std::vector<Held> merged = known;
    bool agrees = true;
    for (const Held& each : held) {
      table.nested = table.nested || each.attribute.find('.') != std::string::npos;
      table.parts = table.parts || each.rows > 0;
      const auto same = std::find_if(known.begin(), known.end(), [&](const Held& other) { return other.attribute == each.attribute; });
      if (same == known.end()) merged.push_back(each);
      else agrees = agrees && *same == each;
    }
    if (agrees) known = merged;
    else table.by_path[tree.path[i]] = held;
  }
  return table;
}

std::string held_text(const std::vector<Held>& held, bool parts) {
  std::string text;
  for (const Held& each : held) {
    std::string axes = each.axes.empty() ? "None" : fmt::format("({})", fmt::join(each.axes, ", "));
    if (parts) axes += each.rows > 0 ? fmt::format(", slice({}, {})", each.first, each.first + each.rows) : ", slice(None)";
    text += fmt::format("{}\"{}\": (\"{}\", {})", text.empty() ? "" : ", ", each.attribute, each.suffix, axes);
  }
  return "{" + text + "}";
}

std::string tables_text(const Graph& graph, const TorchTree& tree, const Table& table) {
  std::string text = fmt::format("# Of each module's tensors: the end of netc's name for it, netc's axes in PyTorch's order{}.\nTENSORS = {{\n",
                                 table.parts ? ", the rows of netc's tensor" : "");
  for (const auto& [name, held] : table.by_class) text += fmt::format("    {}: {},\n", name, held_text(held, table.parts));
  for (const auto& [path, held] : table.by_path) text += fmt::format("    \"{}\": {},\n", path, held_text(held, table.parts));
  text += "}\n";
  std::string names;
  for (size_t i = 0; i < graph.layers.size(); ++i)
    if (!tree.twins[i].module.empty() && tree.path[i] != graph.layers[i].name)
      names += fmt::format("    \"{}\": {},\n", tree.path[i], string_literal(graph.layers[i].name));
  return text + (names.empty() ? "" : "# Names of netc that are none in Python.\nNAMES = {\n" + names + "}\n");
}

/// modules() and tensors().
std::string functions_text(const Table& table, bool renamed) {
  const std::string name = renamed ? "NAMES.get(path, path)" : "path";
  const bool by_path = !table.by_path.empty();
  const std::string listed = by_path ? "path in TENSORS or type(module) in TENSORS" : "type(module) in TENSORS";
  const std::string entry = by_path ? "TENSORS.get(path, TENSORS.get(type(module), {}))" : "TENSORS[type(module)]";
  const std::string get = table.nested ? "functools.reduce(lambda inner, name: getattr(inner, name, None), attribute.split(\".\"), module)"
                                       : "getattr(module, attribute, None)";
  const std::string part = table.parts ? ", rows" : "";
  return fmt::format(
      "\n\ndef modules(net):\n"
      "    \"\"\"The modules that are layers of netc's, with their paths; not those inside them.\"\"\"\n"
      "    layer = None\n"
      "    for path, module in net.named_modules():\n"
      "        if (layer is None or not path.startswith(layer)) and ({}):\n"
      "            layer = path + \".\"\n"
      "            yield path, module\n"
      "\n\ndef tensors(net):\n"
      "    \"\"\"All that a checkpoint holds: netc's name, the tensor, netc's axes in PyTorch's order (None: the same){}.\"\"\"\n"
      "    for path, module in modules(net):\n"
      "        for attribute, (suffix, axes{}) in {}.items():\n"
      "            tensor = {}\n"
      "            if tensor is not None:\n"
      "                yield f\"{{{}}}.{{suffix}}\", tensor, axes{}\n",
      listed, table.parts ? ", its rows of netc's" : "", part, entry, get, name, part);
}

constexpr const char* kCheckpoints = R"(

def read_safetensors(path):
    """{name: float32 array} of a checkpoint (huggingface.co/docs/safetensors)."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            arrays[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    return arrays


def load(net, path):
    """Takes the weights of a checkpoint that netc (--save) or `save` wrote."""
    stored = read_safetensors(path)
    with torch.no_grad():
        for name, tensor, axes@rows@ in tensors(net):
            if name not in stored:
                raise KeyError(f"{path}: has no tensor {name}")
            array = stored[name]@part@
            array = array if axes is None else array.transpose(axes)
            if @wrong@:
                raise ValueError(f"{path}: {name} is {array.shape}, the network's {tuple(tensor.shape)}")
            tensor.copy_(torch.from_numpy(array.copy())@view@)


def save(net, path):
    """Writes the weights as netc does; netc --load reads them."""
    header, parts, at = {}, [], 0
    for name, array in @arrays@:
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        parts.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
)";

constexpr const char* kWholeArrays = R"(

def netc_arrays(net):
    """Name and float32 array of every tensor, in netc's order of axes."""
    for name, tensor, axes in tensors(net):
        array = tensor.detach().cpu().numpy().astype("<f4")
        yield name, np.ascontiguousarray(array if axes is None else array.transpose(np.argsort(axes)))
)";

constexpr const char* kPartArrays = R"(

def netc_arrays(net):
    """Name and float32 array of every tensor, in netc's order of axes; parts of one tensor put together."""
    parts = {}
    for name, tensor, axes, rows in tensors(net):
        array = tensor.detach().cpu().numpy().astype("<f4")
        parts.setdefault(name, []).append((rows.start or 0, array if axes is None else array.transpose(np.argsort(axes))))
    for name, list_ in parts.items():
        yield name, np.concatenate([array for _, array in sorted(list_, key=lambda part: part[0])])
)";

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) text.replace(at, what.size(), with);
  return text;
}

// ---- First values ----------------------------------------------------------------------------------

/// What the module itself starts with, mostly U(-1/sqrt(fan_in), 1/sqrt(fan_in)): nothing to do.
bool is_default(const ParamSpec& spec, const Init& init, int64_t weight_fan_in) {
  if (spec.role == ParamRole::norm) return true;  // the module's own constants
  const double fan_in = static_cast<double>(spec.role == ParamRole::bias ? weight_fan_in : spec.fan_in);
  if (spec.torch) return init.kind == spec.torch->kind && init.value == spec.torch->value;
  return spec.init.kind == InitKind::torch_default && init.kind == InitKind::uniform && init.value == 1 / std::sqrt(fan_in);
}

/// The call of torch.nn.init that draws `init`, with {} for the tensor.
std::string init_call(const ParamSpec& spec, const Init& init) {
  const auto in = static_cast<double>(spec.fan_in), out = static_cast<double>(spec.fan_out);
  const std::string value = double_literal(init.value);
  if (init.kind == InitKind::constant) return init.value == 0 ? "nn.init.zeros_({})" : "nn.init.constant_({}, " + value + ")";
  if (init.kind == InitKind::normal) {
    const bool he = spec.role == ParamRole::weight && init.value == std::sqrt(2 / in);
    return he ? "nn.init.kaiming_normal_({})" : "nn.init.normal_({}, std=" + value + ")";
  }
  if (spec.role == ParamRole::weight && init.value == std::sqrt(6 / (in + out))) return "nn.init.xavier_uniform_({})";
  return "nn.init.uniform_({}, -" + value + ", " + value + ")";
}

struct FirstValue {
  std::string cls, path, attribute, call;  ///< call: empty where PyTorch's own value is right
};

std::vector<FirstValue> first_values(const Graph& graph, const TorchTree& tree) {
  std::vector<FirstValue> list;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    const Layer& layer = graph.layers[i];
    if (layer.params.empty()) continue;
    const std::vector<ParamSpec> specs = layer.op->params(graph.info(layer, shapes));
    int64_t weight_fan_in = 1;
    for (size_t k = specs.size(); k-- > 0;)
      if (specs[k].role == ParamRole::weight) weight_fan_in = specs[k].fan_in;
    for (const TorchTensor& tensor : tree.twins[i].tensors) {
      const ValueId value = value_of(graph, i, tensor);
      if (!value.valid() || static_cast<size_t>(tensor.tensor) >= specs.size()) continue;
      const ParamSpec& spec = specs[static_cast<size_t>(tensor.tensor)];
      const Init& init = graph[value].init;
      list.push_back({class_of(tree.twins[i]), tree.path[i], tensor.attribute, is_default(spec, init, weight_fan_in) ? "" : init_call(spec, init)});
    }
  }
  return list;
}

}  // namespace

std::string torch_tensors_text(const Graph& graph, const TorchTree& tree) {
  const Table table = table_of(graph, tree);
  const std::string tables = tables_text(graph, tree, table);
  std::string files = table.parts ? kPartArrays : kWholeArrays;
  files += kCheckpoints;
  files = replaced(std::move(files), "@rows@", table.parts ? ", rows" : "");
  files = replaced(std::move(files), "@part@", table.parts ? "[rows]" : "");
  files = replaced(std::move(files), "@wrong@", table.parts ? "array.size != tensor.numel()" : "array.shape != tuple(tensor.shape)");
  files = replaced(std::move(files), "@view@", table.parts ? ".view(tensor.shape)" : "");
  files = replaced(std::move(files), "@arrays@", "netc_arrays(net)");
  return tables + functions_text(table, tables.find("\nNAMES = {") != std::string::npos) + files;
}

std::string torch_initialise_text(const Graph& graph, const TorchTree& tree) {
  const std::vector<FirstValue> values = first_values(graph, tree);
  // One line for a class where all its modules start alike.
  std::map<std::pair<std::string, std::string>, std::optional<std::string>> by_class;
  for (const FirstValue& value : values) {
    const auto [at, fresh] = by_class.try_emplace({value.cls, value.attribute}, value.call);
    if (!fresh && at->second != value.call) at->second = std::nullopt;
  }
  std::map<std::string, std::set<std::string>> modules;
  std::map<std::pair<std::string, std::string>, size_t> holders;
  for (const FirstValue& value : values) {
    modules[value.cls].insert(value.path);
    ++holders[{value.cls, value.attribute}];
  }
  std::map<std::string, std::string> lines;
  for (const auto& [key, call] : by_class) {
    if (!call || call->empty()) continue;
    const std::string tensor = "module." + key.second, statement = replaced(*call, "{}", tensor);
    const bool optional = holders[key] < modules[key.first].size();
    const std::string guard = optional ? fmt::format("            if getattr(module, \"{}\", None) is not None:\n    ", key.second) : "";
    lines[key.first] += fmt::format("{}            {}\n", guard, statement);
  }
  std::string classes, paths;
  for (const auto& [name, statements] : lines) classes += fmt::format("        if type(module) is {}:\n{}", name, statements);
  for (const FirstValue& value : values)
    if (!value.call.empty() && !by_class[{value.cls, value.attribute}])
      paths += fmt::format("    {}\n", replaced(value.call, "{}", fmt::format("net.{}.{}", value.path, value.attribute)));
  if (classes.empty() && paths.empty()) return {};
  return "def initialise(net):\n    \"\"\"First values, where the network does not start with PyTorch's own.\"\"\"\n" +
         (classes.empty() ? "" : "    for _, module in modules(net):\n" + classes) + paths + "\n\n";
}

}  // namespace netc
