// Typed indices into the vectors of a Graph or a Plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace netc {

/// An index that knows which vector it belongs to. A default-constructed id is "none".
template <class Tag>
struct Id {
  int32_t index = -1;

  constexpr bool valid() const { return index >= 0; }
  constexpr size_t at() const { return static_cast<size_t>(index); }
  friend constexpr bool operator==(Id, Id) = default;
  friend constexpr auto operator<=>(Id, Id) = default;
};

using ValueId = Id<struct ValueTag>;
using NodeId = Id<struct NodeTag>;
using LayerId = Id<struct LayerTag>;
using BufferId = Id<struct BufferTag>;

}  // namespace netc

template <class Tag>
struct std::hash<netc::Id<Tag>> {
  size_t operator()(netc::Id<Tag> id) const noexcept { return std::hash<int32_t>{}(id.index); }
};
