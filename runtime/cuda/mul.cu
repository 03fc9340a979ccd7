#include "launch.h"

namespace netrt {
namespace {

struct Product {
  float* y;
  const float* a;
  const float* b;
  template <int V>
  __device__ void run(int64_t i) const {
    Pack<V> p = load<V>(a + i);
    const Pack<V> q = load<V>(b + i);
    for (int j = 0; j < V; ++j) p.v[j] *= q.v[j];
    store<V>(y + i, p);
  }
};

struct BroadcastProduct {
  float* y;
  const float* a;
  const float* b;
  int32_t pixels, c;
  template <int V>
  __device__ void run(int32_t pixel, int32_t channel) const {
    const int64_t at = int64_t{pixel} * c + channel;
    Pack<V> p = load<V>(a + at);
    const Pack<V> q = load<V>(b + int64_t{pixel / pixels} * c + channel);
    for (int j = 0; j < V; ++j) p.v[j] *= q.v[j];
    store<V>(y + at, p);
  }
};

constexpr int kColumns = 32, kRows = kThreads / kColumns;

// A block sums 32 channels of one image: eight threads a channel, each over every eighth pixel, then the eight in order.
__global__ void __launch_bounds__(kThreads) reduce_kernel(float* db, const float* a, const float* dy, int32_t pixels, int32_t c) {
  __shared__ float parts[kRows][kColumns];
  const int32_t lane = static_cast<int32_t>(threadIdx.x) % kColumns, row = static_cast<int32_t>(threadIdx.x) / kColumns;
  const int32_t channel = static_cast<int32_t>(blockIdx.y) * kColumns + lane;
  const int64_t image = blockIdx.x;
  float sum = 0;
  if (channel < c) {
    for (int32_t pixel = row; pixel < pixels; pixel += kRows) {
      const int64_t at = (image * pixels + pixel) * c + channel;
      sum += a[at] * dy[at];
    }
  }
  parts[row][lane] = sum;
  __syncthreads();
  if (row != 0 || channel >= c) return;
  for (int32_t r = 1; r < kRows; ++r) sum += parts[r][lane];
  db[image * c + channel] = sum;
}

}  // namespace

void mul_forward(Context& ctx, float* y, const float* a, const float* b, const MulDesc& desc) {
  if (desc.broadcast != 0) {
    launch_pixels(ctx, int64_t{desc.n} * desc.pixels, desc.c, vectorizable(desc.c, y, a, b), BroadcastProduct{y, a, b, desc.pixels, desc.c});
  } else {
    launch_each(ctx, int64_t{desc.n} * desc.pixels * desc.c, vectorizable(4, y, a, b), Product{y, a, b});
  }
  check_launch("mul_forward", desc);
}

void mul_reduce(Context& ctx, float* db, const float* a, const float* dy, const MulDesc& desc) {
  const dim3 grid(static_cast<unsigned>(desc.n), static_cast<unsigned>(divide_up(desc.c, kColumns)));
  reduce_kernel<<<grid, kThreads, 0, ctx.stream>>>(db, a, dy, desc.pixels, desc.c);
  check_launch("mul_reduce", desc);
}

}  // namespace netrt
