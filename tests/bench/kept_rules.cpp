// What each rule of docs/memory.md saves: the arena of a network with all rules, and the bytes that a plan without one of them takes more.
// bench_kept_rules BATCH FILE.net ... (BATCH 0: the file's own)
#include <algorithm>
#include <deque>
#include <filesystem>
#include <functional>

#include "network.h"
#include "passes/schedule.h"

using namespace netc;

namespace {

using Edit = std::function<void(Graph&)>;

/// A rule left out: what to do to the network before the passes, and to the step before its order is chosen.
struct Rule {
  const char* text;
  Edit network = [](Graph&) {};
  Edit step = [](Graph&) {};
  bool reorder = true;
};

/// Rows of the op table with changes; layers refer to them.
const OpDef* changed(const OpDef* op, const std::function<void(OpDef&)>& change) {
  static std::deque<OpDef> rows;
  rows.push_back(*op);
  change(rows.back());
  return &rows.back();
}

Edit rows_with(const std::function<void(OpDef&)>& change) {
  return [change](Graph& graph) {
    for (Layer& layer : graph.layers) layer.op = changed(layer.op, change);
  };
}

Edit aux_as(std::string_view suffix, DType type) {
  return [suffix, type](Graph& graph) {
    for (Value& value : graph.values)
      if (value.kind == ValueKind::aux && value.name.ends_with(suffix)) value.type.dtype = type;
  };
}

Edit nodes(const std::function<void(Graph&, Node&)>& change) {
  return [change](Graph& graph) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) change(graph, graph.nodes[i]);
  };
}

/// Updates of all parameters after the backward pass.
void update_last(Graph& graph) {
  for (Node& node : graph.nodes)
    if (node.phase == Phase::update && node.section == Section::micro) node.section = Section::update;
  std::ranges::stable_sort(graph.nodes, {}, &Node::section);
}

/// A mask of a byte an element, written forward and read backward.
void keep_drop_masks(Graph& graph) {
  std::vector<ValueId> masks(graph.layers.size());
  for (Node& node : graph.nodes) {
    if (node.kernel != "drop_forward") continue;
    ValueId& mask = masks[node.layer.at()];
    if (node.phase == Phase::forward) {
      Value value = graph[node.outputs[0]];
      value.name += ".mask";
      value.type.dtype = DType::u8;
      value.kind = ValueKind::aux;
      value.same_as = {};
      mask = graph.add(std::move(value));
      node.outputs.push_back(mask);
    } else {
      node.inputs.push_back(mask);
    }
  }
}

/// In place of the logarithms of the sums: the probabilities, heads x T x T.
void keep_probabilities(Graph& graph, Node& node) {
  if (node.kernel != "attn_forward") return;
  const int64_t t = node.desc.integer("t");
  graph[node.outputs[1]].type.shape = {node.desc.integer("heads"), t, t};
}

/// The data gradient of a layer before its weight gradient.
void data_first(Graph& graph) {
  const auto makes = [&](const Node& node, ValueKind kind) {
    return node.phase == Phase::backward && !node.outputs.empty() && node.outputs[0].valid() && graph[node.outputs[0]].kind == kind;
  };
  for (size_t i = 0; i + 1 < graph.nodes.size(); ++i) {
    Node &a = graph.nodes[i], &b = graph.nodes[i + 1];
    if (a.layer == b.layer && a.part == b.part && makes(a, ValueKind::gradient) && makes(b, ValueKind::activation_gradient)) std::swap(a, b);
  }
}

const std::vector<Rule> kRules = {
    {.text = "max-pool's index in 1 byte, not 4", .step = aux_as(".index", DType::i32)},
    {.text = "relu by one bit, not its output", .step = aux_as(".mask", DType::f32)},
    {.text = "relu after max-pool", .network = rows_with([](OpDef& op) { op.commutes_with_relu = false; })},
    {.text = "activation inside bn", .network = rows_with([](OpDef& op) {
       if (op.fuse_activation == FuseActivation::whole) op.fuse_activation = FuseActivation::no;
     })},
    {.text = "activation inside conv, fc, add", .network = rows_with([](OpDef& op) {
       if (op.fuse_activation == FuseActivation::by_output) op.fuse_activation = FuseActivation::no;
     })},
    {.text = "dropout's mask made again, not a byte", .step = keep_drop_masks},
    {.text = "attention without T x T", .step = nodes(keep_probabilities)},
    {.text = "the loss's gradient over the scores", .step = nodes([](Graph& graph, Node& node) {
       if (node.layer == graph.loss) node.in_place = false;
     })},
    {.text = "everything else in place", .step = nodes([](Graph& graph, Node& node) {
       if (node.layer != graph.loss) node.in_place = false;
     })},
    {.text = "update when ready", .step = update_last},
    {.text = "the order of calls", .reorder = false},
};

/// All rules of the table left out.
Rule all_of_them() {
  const auto each = [](Edit Rule::* part) {
    return [part](Graph& graph) {
      for (const Rule& rule : kRules) (rule.*part)(graph);
    };
  };
  return {.text = "", .network = each(&Rule::network), .step = each(&Rule::step), .reorder = false};
}

/// Bytes of the arena without a rule.
int64_t arena(const std::string& file, int64_t batch, const Rule& rule) {
  const Target target = cuda_target(0);
  Compilation made;
  made.graph = network(file, batch);
  rule.network(*made.graph);
  run_passes(made, true, nullptr);
  rule.step(*made.graph);
  if (rule.reorder) schedule(*made.graph, target);
  return planned(*made.graph, target).train.end;
}

void print(const char* rule, int64_t without, int64_t with) {
  const auto more = static_cast<double>(without - with);
  fmt::print("  {:<40} {:>14} B {:>9.1f} MiB {:>7.2f} %\n", rule, without - with, more / 1048576, 100 * more / static_cast<double>(with));
}

}  // namespace

int main(int count, char** words) {
  const int64_t batch = count > 1 ? std::atoll(words[1]) : 0;
  for (int i = 2; i < count; ++i) {
    const int64_t all = arena(words[i], batch, {.text = ""});
    fmt::print("{} at batch {}: {:.1f} MiB\n", std::filesystem::path(words[i]).stem().string(), network(words[i], batch).train.batch, static_cast<double>(all) / 1048576);
    for (const Rule& rule : kRules) print(rule.text, arena(words[i], batch, rule), all);
    print("all of these together", arena(words[i], batch, all_of_them()), all);
    // Without the choice of an order, which would undo the change.
    const int64_t plain = arena(words[i], batch, {.text = "", .reorder = false});
    print("weight gradient first, order as written", arena(words[i], batch, {.text = "", .step = data_first, .reorder = false}), plain);
  }
}
