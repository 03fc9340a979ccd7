#include "ops/channels.h"

namespace netc::ops {

Desc channels_desc(int64_t rows, int64_t count, int64_t from_channels, int64_t from, int64_t to_channels, int64_t to) {
  Desc desc{"ChannelsDesc", {}};
  desc.add_per_sample("rows", rows).add("c", count).add("src_c", from_channels).add("src_first", from);
  desc.add("dst_c", to_channels).add("dst_first", to);
  return desc;
}

}  // namespace netc::ops
