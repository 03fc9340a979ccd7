#include "columns.h"

namespace netrt {
namespace {

struct Prepend {
  float* y;
  const float* x;
  const float* w;
  int32_t t, c;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    const int32_t sample = row / (t + 1), token = row % (t + 1);
    const float* from = token == 0 ? w : x + (int64_t{sample} * t + token - 1) * c;
    store<V>(y + int64_t{row} * c + channel, load<V>(from + channel));
  }
};

}  // namespace

void cls_forward(Context& ctx, float* y, const float* x, const float* w, const ClsDesc& desc) {
  launch_pixels(ctx, int64_t{desc.n} * (desc.t + 1), desc.c, vectorizable(desc.c, y, x, w), Prepend{y, x, w, desc.t, desc.c});
  check_launch("cls_forward", desc);
}

// The sum over the samples' first tokens: the first c columns of n rows of (t + 1) * c.
void cls_backward_weights(Context& ctx, float* dw, const float* dy, const ClsDesc& desc) {
  launch_partial_sums<1>(ctx, dw, desc.n, desc.c, 1, ColumnOf{dy, (desc.t + 1) * desc.c});
  check_launch("cls_backward_weights", desc);
}

}  // namespace netrt
