#include "plan/live_bytes.h"

#include "plan/lifetimes.h"

namespace netc {

LiveBytes::LiveBytes(const Graph& graph, const Target& target, int64_t batch, std::span<const std::pair<ValueId, ValueId>> aliases)
    : graph_(graph), target_(target), batch_(batch), storage_(storages(graph, aliases)) {
  bytes_.reserve(graph.values.size());
  Size sum, always;
  for (const Value& value : graph.values) {
    const Size bytes = value_bytes(value, batch);
    sum = sum + round_up(bytes, kAlignment);
    const bool lasts = lives_always(value.kind, true);
    if (lasts) always = always + always_bytes(value, target, batch);
    bytes_.push_back(lasts ? Sharing::kAlways : bytes.value());
  }
  ok_ = (sum + always).ok();
  always_ = always.value();
}

void LiveBytes::set_copies(std::span<const ValueId> copy_of) {
  bytes_.resize(graph_.values.size());
  for (ValueId of : copy_of) bytes_.push_back(bytes_[of.at()]);
}

void LiveBytes::set_pieces(std::span<const Piece> pieces) {
  bytes_.resize(graph_.values.size());
  for (const Piece& piece : pieces) bytes_.push_back(type_bytes(graph_[piece.of].type, batch_ / piece.slice.count).value());
}

Access LiveBytes::access(const Node& node) {
  Access made = make_access(node, [&](ValueId id) { return id.valid() && id.at() < storage_.size() ? storage_[id.at()] : id.index; });
  if (node.workspace) made.workspace = workspace(node);
  return made;
}

int64_t LiveBytes::workspace(const Node& node) {
  const auto [at, is_new] = workspaces_.try_emplace({node.kernel.data(), node.desc.fields.begin(), node.slice.count}, 0);
  if (is_new) at->second = workspace_bytes(node, target_, batch_);
  return at->second;
}

LivenessBound LiveBytes::peak(std::span<const Access> calls) {
  sharing_.run(calls, bytes_);
  live_bytes(sharing_.buffers(), static_cast<int>(calls.size()), profile_);
  return peak_of(profile_);
}

LivenessBound LiveBytes::peak(std::span<const Node> nodes, std::span<const ValueId> copy_of) {
  set_copies(copy_of);
  return peak_of_calls(nodes);
}

LivenessBound LiveBytes::peak(std::span<const Node> nodes, std::span<const Piece> pieces) {
  set_pieces(pieces);
  return peak_of_calls(nodes);
}

LivenessBound LiveBytes::peak_of_calls(std::span<const Node> nodes) {
  calls_.clear();
  for (const Node& node : nodes) calls_.push_back(access(node));
  return peak(calls_);
}

}  // namespace netc
