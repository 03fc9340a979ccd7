// How many bytes are live at each moment of a training step, for a search that tries many steps: no names, no offsets.
#pragma once

#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "ir/graph.h"
#include "plan/bound.h"
#include "plan/sharing.h"
#include "plan/target.h"

namespace netc {

/// Says what make_plan's lower bound would be, by the same rules of sharing.
class LiveBytes {
 public:
  /// For steps over the values of `graph`, which must stay as it is.
  /// `aliases`: further names of values, for steps of evaluation.
  LiveBytes(const Graph& graph, const Target& target, int64_t batch, std::span<const std::pair<ValueId, ValueId>> aliases = {});

  /// False where the bytes of all values do not fit in 63 bits: then there is no plan, and nothing else here may be asked.
  bool ok() const { return ok_; }
  /// Bytes of what lives always; part of no other number here.
  int64_t always() const { return always_; }

  /// What a call of the graph, or of a step with copies of its values, does to memory. A storage is the id of a value.
  Access access(const Node& node);
  /// Tells the bytes of values beyond those of the graph: copy_of[i] is what value graph.values.size() + i is a copy of.
  void set_copies(std::span<const ValueId> copy_of);
  /// The same for slices: pieces[i] is value graph.values.size() + i.
  void set_pieces(std::span<const Piece> pieces);

  /// The most bytes that are live at one position, and the first such position.
  LivenessBound peak(std::span<const Access> calls);
  LivenessBound peak(std::span<const Node> nodes, std::span<const ValueId> copy_of = {});
  LivenessBound peak(std::span<const Node> nodes, std::span<const Piece> pieces);
  /// After peak(): the buffers.
  const Sharing& sharing() const { return sharing_; }
  /// After peak(): live bytes by position.
  const std::vector<int64_t>& profile() const { return profile_; }
  /// By storage; Sharing::kAlways for what lives always.
  std::span<const int64_t> bytes() const { return bytes_; }

 private:
  int64_t workspace(const Node& node);
  LivenessBound peak_of_calls(std::span<const Node> nodes);

  const Graph& graph_;
  const Target& target_;
  const int64_t batch_;
  bool ok_ = true;
  int64_t always_ = 0;
  std::vector<int64_t> bytes_;  ///< by storage
  std::vector<int> storage_;    ///< by value of the graph
  std::map<std::tuple<const char*, const Field*, int>, int64_t> workspaces_;  ///< by kernel, constants (which copies of a node share) and slices
  std::vector<Access> calls_;
  std::vector<int64_t> profile_;
  Sharing sharing_;
};

}  // namespace netc
