// Which values share a buffer, and when each buffer lives: the part of a plan that decides how many bytes are live.
#pragma once

#include <span>
#include <vector>

#include "plan/pack.h"
#include "plan/plan.h"

namespace netc {

/// What a kernel call does to memory. Values are named by their storage, an index that the caller chooses.
struct Access {
  static constexpr int kNone = -1;       ///< nullptr
  static constexpr int kNotInPlace = -2;
  Few<int, 4> outputs, inputs;
  int in_place = kNotInPlace;  ///< outputs[0] may take the bytes of this input once nobody else reads them; -1: of any input
  int continues = kNone;       ///< outputs[0] is written into the bytes of this storage, always
  int64_t workspace = 0;       ///< bytes of scratch, rounded up to kAlignment
};

/// Bytes of a buffer for a value of that many.
constexpr int64_t rounded(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// All but the scratch. `storage`: from ValueId, which may be none, to the index.
template <class Storage>
Access make_access(const Node& node, const Storage& storage) {
  Access made;
  for (ValueId output : node.outputs) made.outputs.push_back(storage(output));
  for (ValueId input : node.inputs) made.inputs.push_back(storage(input));
  if (node.in_place) made.in_place = node.in_place_input;
  made.continues = storage(node.continues);
  return made;
}

/// The buffers of a sequence of calls. May be used again and again; a run then allocates nothing.
class Sharing {
 public:
  static constexpr int64_t kAlways = -1;  ///< the bytes of a storage that lives always: it is not counted, and nothing takes its bytes

  /// Gives each storage that a call writes a buffer, of its own or one that an input no longer needs. `bytes`: by storage, before rounding.
  /// `wanted_after`: a storage that is read after the last call. Linear. The order of buffers is that of their first uses, with the scratch of a
  /// call after what it writes.
  void run(std::span<const Access> calls, std::span<const int64_t> bytes, int wanted_after = Access::kNone);

  const std::vector<Interval>& buffers() const { return buffers_; }
  /// The buffer of a storage; -1 where it lives always or nothing writes it.
  int buffer_of(int storage) const { return buffer_of_[static_cast<size_t>(storage)]; }

 private:
  int shared(const Access& call, std::span<const int64_t> bytes, int position) const;
  bool read_twice(const Access& call, size_t which, int buffer) const;

  std::vector<Interval> buffers_;
  std::vector<int> buffer_of_;  ///< by storage
  std::vector<int> last_read_;  ///< by storage: the last position that reads it
};

}  // namespace netc
