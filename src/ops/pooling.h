// What pool and avgpool share.
#pragma once

#include "ops/torch.h"

namespace netc::ops {

/// Checks the arguments and the padding (at most half the kernel, as PyTorch: no window lies wholly in it), notes dropped rows;
/// the output shape or nothing.
std::optional<Shape> infer_pool(const InferContext& context);
/// `index_bytes` is 0 where the kernel keeps no index; `count_pad` as PoolDesc has it.
Desc pool_desc(const Image& in, const Window& window, int index_bytes, int count_pad);
ArgSpec ceil_arg();
/// What follows the input in F.max_pool2d or F.avg_pool2d; padding that PyTorch cannot say is left to the input.
std::string torch_pool_arguments(const Window& window, bool ceil);

}  // namespace netc::ops
