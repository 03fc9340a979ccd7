#include "launch.h"

namespace netrt {
namespace {

struct Lookup {
  float* y;
  const int32_t* ids;
  const float* w;
  int32_t c;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    store<V>(y + int64_t{row} * c + channel, load<V>(w + int64_t{ids[row]} * c + channel));
  }
};

/// A block for each row of dy. Only the first row of an id works: it adds all rows of that id in their order, so that the sum is the same
/// from run to run.
__global__ void __launch_bounds__(kThreads) embed_backward_kernel(float* dw, const int32_t* ids, const float* dy, int32_t rows, int32_t c) {
  const int32_t mine = static_cast<int32_t>(blockIdx.x), id = ids[mine];
  for (int32_t first = 0; first < mine; first += kThreads) {
    const int32_t row = first + static_cast<int32_t>(threadIdx.x);
    if (__syncthreads_or(row < mine && ids[row] == id)) return;
  }
  for (int32_t channel = static_cast<int32_t>(threadIdx.x); channel < c; channel += kThreads) {
    float sum = dw[int64_t{id} * c + channel];
    for (int32_t row = mine; row < rows; ++row)
      if (ids[row] == id) sum += dy[int64_t{row} * c + channel];
    dw[int64_t{id} * c + channel] = sum;
  }
}

}  // namespace

void embed_forward(Context& ctx, float* y, const int32_t* ids, const float* w, const EmbedDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, vectorizable(desc.c, y, w), Lookup{y, ids, w, desc.c});
  check_launch("embed_forward", desc);
}

void embed_backward(Context& ctx, float* dw, const int32_t* ids, const float* dy, const EmbedDesc& desc) {
  if (desc.rows > 0) embed_backward_kernel<<<static_cast<unsigned>(desc.rows), kThreads, 0, ctx.stream>>>(dw, ids, dy, desc.rows, desc.c);
  check_launch("embed_backward", desc);
}

}  // namespace netrt
