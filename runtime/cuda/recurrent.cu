#include "recurrent.h"

namespace netrt {

Workspace behind(const Workspace& workspace, size_t used) {
  const size_t first = (used + 255) / 256 * 256;
  if (first >= workspace.bytes) return {};
  return {static_cast<char*>(workspace.data) + first, workspace.bytes - first};
}

void recurrent_product(Context& ctx, const char* kernel, float* out, const float* left, const float* w, int32_t cols, int32_t depth, bool transposed,
                       const RecurrentDesc& d, const Workspace& workspace) {
  const Matmul m{d.n, cols, depth, false, !transposed, false};
  const FcDesc text{d.n, depth, cols, Activation::none, 0};
  for (int64_t direction = 0; direction < d.directions; ++direction) {
    float* to = out + direction * d.n * cols;
    const float *from = left + direction * d.n * depth, *weight = w + direction * cols * depth;
    if (!matmul_by_cublaslt(ctx, kernel, text, m, to, from, weight, workspace)) matmul_plain(ctx, m, to, from, weight, workspace);
  }
}

}  // namespace netrt
