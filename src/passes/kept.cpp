#include "passes/kept.h"

#include "support/check.h"

namespace netc {

namespace {

ValueId forward_value(const Operand& operand, const LayerValues& at) {
  switch (operand.kind) {
    case Operand::Kind::x:
    case Operand::Kind::dx: return at.layer.inputs[static_cast<size_t>(operand.index)];
    case Operand::Kind::y:
    case Operand::Kind::dy: return at.y;
    case Operand::Kind::prev:
    case Operand::Kind::dprev: return at.prev;
    default: return {};
  }
}

bool reads_activation(const Operand& operand) {
  return operand.kind == Operand::Kind::x || operand.kind == Operand::Kind::y || operand.kind == Operand::Kind::prev;
}

/// Calls `visit(storage)` for every forward tensor that a needed backward call reads.
template <class Visit>
void for_each_kept(const Graph& graph, const Alternative& alternative, const LayerValues& at, const std::vector<bool>& flows, Visit visit) {
  for (const KernelCall& call : alternative.backward) {
    if (!needed(graph, call, at, flows)) continue;
    for (const Operand& operand : call.inputs)
      if (reads_activation(operand) && !call.kernel.empty()) visit(graph.storage(forward_value(operand, at)));
  }
}

bool reads_aux(const Graph& graph, const Alternative& alternative, int index, const LayerValues& at, const std::vector<bool>& flows) {
  for (const KernelCall& call : alternative.backward)
    for (const Operand& operand : call.inputs)
      if (operand.kind == Operand::Kind::aux && operand.index == index && needed(graph, call, at, flows)) return true;
  return false;
}

}  // namespace

int part_count(const Graph& graph, const Layer& layer) {
  if (layer.fused_into.valid()) return 0;
  if (!layer.op->parts) return 1;
  std::vector<Shape> shapes;
  return layer.op->parts(graph.info(layer, shapes));
}

bool needed(const Graph& graph, const KernelCall& call, const LayerValues& at, const std::vector<bool>& flows) {
  for (const Operand& operand : call.outputs) {
    if (operand.kind == Operand::Kind::dparam) return true;
    if (operand.kind == Operand::Kind::dprev) return true;
    if (operand.kind == Operand::Kind::dx && flows[graph.storage(forward_value(operand, at)).at()]) return true;
  }
  return false;
}

std::vector<bool> gradient_flows(const Graph& graph) {
  std::vector<bool> flows(graph.values.size(), false);
  for (LayerId id : graph.order) {
    const Layer& layer = graph[id];
    bool any = !layer.params.empty();
    for (ValueId input : layer.inputs) any = any || flows[graph.storage(input).at()];
    if (any) flows[graph.storage(layer.output).at()] = true;
  }
  return flows;
}

void mark_kept(const Graph& graph, const Alternative& way, const LayerValues& at, const std::vector<bool>& flows, std::vector<bool>& kept) {
  for_each_kept(graph, way, at, flows, [&](ValueId storage) {
    if (storage.at() < kept.size()) kept[storage.at()] = true;
  });
}

bool surely_reads(const Graph& graph, const Layer& layer, ValueId storage, const std::vector<bool>& flows) {
  const int parts = layer.op->is_loss ? 0 : part_count(graph, layer);
  std::vector<Shape> shapes;
  bool reads = false;
  for (int part = 0; part < parts && !reads; ++part) {
    const std::vector<Alternative> ways = layer.op->lower(graph.info(layer, shapes, part));
    if (ways.size() != 1) continue;
    // Only the last part's output has a name so far; the values between parts are not what is asked for.
    for_each_kept(graph, ways[0], {layer, layer.output, layer.output}, flows, [&](ValueId kept) { reads = reads || kept == storage; });
  }
  return reads;
}

size_t choose(const Graph& graph, const std::vector<Alternative>& alternatives, const LayerValues& at, const std::vector<bool>& flows,
              std::vector<bool>& kept) {
  NETC_CHECK(!alternatives.empty(), "an op offers no way to run");
  size_t best = 0;
  int64_t best_bytes = -1;
  for (size_t i = 0; i < alternatives.size() && alternatives.size() > 1; ++i) {
    int64_t bytes = 0;
    for_each_kept(graph, alternatives[i], at, flows, [&](ValueId storage) {
      if (storage.at() >= kept.size() || !kept[storage.at()]) bytes += type_bytes(graph[storage].type, 1).value();
    });
    for (size_t aux = 0; aux < alternatives[i].aux.size(); ++aux)
      if (reads_aux(graph, alternatives[i], static_cast<int>(aux), at, flows)) bytes += type_bytes(alternatives[i].aux[aux].type, 1).value();
    if (best_bytes < 0 || bytes < best_bytes) best = i, best_bytes = bytes;
  }
  mark_kept(graph, alternatives[best], at, flows, kept);
  return best;
}

}  // namespace netc
