#include "plan/live_bytes.h"
#include <algorithm>
namespace netc {
namespace {
struct Lean {
  const Graph& g; std::span<const Node> nodes; std::span<const ValueId> copy_of; const Target& target; int64_t batch;
  std::vector<int> last_read, buffer; std::vector<int64_t> bytes; std::vector<int> first, last;
  size_t st(ValueId id) const { return id.at() >= g.values.size() ? id.at() : g.storage(id).at(); }
  const Type& type(size_t s) const { return s >= g.values.size() ? g.values[copy_of[s - g.values.size()].at()].type : g.values[s].type; }
  static bool always(ValueKind k) { switch (k) { case ValueKind::parameter: case ValueKind::state: case ValueKind::input: case ValueKind::label: case ValueKind::metrics: case ValueKind::optimizer: return true; default: return false; } }
  LiveBytes run(std::vector<int64_t>* profile) {
    const size_t n = g.values.size() + copy_of.size();
    last_read.assign(n, -1); buffer.assign(n, -1);
    for (size_t i = 0; i < g.values.size(); ++i) if (always(g.values[i].kind)) buffer[i] = -2;
    for (size_t i = 0; i < nodes.size(); ++i) for (ValueId v : nodes[i].inputs) if (v.valid()) last_read[st(v)] = (int)i;
    std::vector<int64_t> change(nodes.size() + 2, 0);
    for (size_t i = 0; i < nodes.size(); ++i) {
      const Node& node = nodes[i]; const int pos = (int)i;
      for (ValueId v : node.inputs) if (v.valid()) { int b = buffer[st(v)]; if (b >= 0) last[b] = pos; }
      for (size_t o = 0; o < node.outputs.size(); ++o) {
        if (!node.outputs[o].valid()) continue;
        size_t s = st(node.outputs[o]); int b = buffer[s];
        if (b == -2) continue;
        if (b < 0 && o == 0) b = shared(node, pos);
        if (b < 0) { b = (int)bytes.size(); bytes.push_back((type_bytes(type(s), batch).value() + 255) / 256 * 256); first.push_back(pos); last.push_back(pos); }
        buffer[s] = b; last[b] = pos;
      }
      if (node.workspace) { int64_t w = std::max(target.workspace(node.kernel, node.desc, batch), target.workspace_floor); w = (w + 255) / 256 * 256; change[i] += w; change[i + 1] -= w; }
    }
    for (size_t b = 0; b < bytes.size(); ++b) change[first[b]] += bytes[b], change[last[b] + 1] -= bytes[b];
    LiveBytes r; int64_t live = 0;
    if (profile) profile->resize(nodes.size());
    for (size_t i = 0; i < nodes.size(); ++i) { live += change[i]; if (profile) (*profile)[i] = live; if (live > r.peak) r.peak = live, r.position = (int)i; }
    return r;
  }
  int shared(const Node& node, int pos) {
    if (node.continues.valid()) return buffer[st(node.continues)];
    if (!node.in_place) return -1;
    int64_t need = type_bytes(type(st(node.outputs[0])), batch).value();
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      ValueId in = node.inputs[i];
      if (!in.valid() || (node.in_place_input >= 0 && (size_t)node.in_place_input != i)) continue;
      size_t s = st(in);
      if (last_read[s] > pos || buffer[s] < 0 || type_bytes(type(s), batch).value() != need) continue;
      if (node.in_place_input >= 0) { bool twice = false; for (size_t j = 0; j < node.inputs.size(); ++j) if (j != i && node.inputs[j].valid() && buffer[st(node.inputs[j])] == buffer[s]) twice = true; if (twice) continue; }
      return buffer[s];
    }
    return -1;
  }
};
}
LiveBytes live_bytes(const Graph& g, std::span<const Node> nodes, std::span<const ValueId> copy_of, const Target& t, int64_t batch, std::vector<int64_t>* profile) { return Lean{g, nodes, copy_of, t, batch}.run(profile); }
}
