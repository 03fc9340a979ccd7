// What pool and avgpool share.
#pragma once

#include "ops/window.h"

namespace netc::ops {

/// Checks the arguments and the padding (at most half the kernel, as PyTorch: no window lies wholly in it), notes dropped rows;
/// the output shape or nothing.
std::optional<Shape> infer_pool(const InferContext& context);
/// `index_bytes` is 0 where the kernel keeps no index.
Desc pool_desc(const Image& in, const Window& window, int index_bytes, bool count_pad);
ArgSpec ceil_arg();

}  // namespace netc::ops
