#include <cmath>

#include "launch.h"

namespace netrt {
namespace {

struct Accumulate {
  float* sum;
  const float* g;
  template <int V>
  __device__ void run(int64_t i) const {
    Pack<V> p = load<V>(sum + i);
    const Pack<V> q = load<V>(g + i);
    for (int j = 0; j < V; ++j) p.v[j] += q.v[j];
    store<V>(sum + i, p);
  }
};

// Every block leaves its sum here; then one block adds them in order.
constexpr int kSquareBlocks = 1024;
__device__ double square_parts[kSquareBlocks];

template <int V>
__global__ void __launch_bounds__(kThreads) square_kernel(const float* g, int64_t count) {
  const int64_t first = int64_t{blockIdx.x} * kThreads + threadIdx.x, step = int64_t{gridDim.x} * kThreads, vectors = count / V;
  double sum = 0;
  for (int64_t i = first; i < vectors; i += step) {
    const Pack<V> p = load<V>(g + i * V);
    for (int j = 0; j < V; ++j) sum += static_cast<double>(p.v[j]) * static_cast<double>(p.v[j]);
  }
  for (int64_t i = vectors * V + first; i < count; i += step) sum += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  const double total = block_sum(sum);
  if (threadIdx.x == 0) square_parts[blockIdx.x] = total;
}

__global__ void __launch_bounds__(kThreads) square_total_kernel(double* sum, int32_t blocks) {
  double mine = 0;
  for (int32_t i = static_cast<int32_t>(threadIdx.x); i < blocks; i += kThreads) mine += square_parts[i];
  const double total = block_sum(mine);
  if (threadIdx.x == 0) *sum += total;
}

struct Clip {
  float* g;
  const double* sum;
  float limit;
  template <int V>
  __device__ void run(int64_t i) const {
    const float norm = static_cast<float>(sqrt(*sum)), factor = fminf(1.0f, limit / (norm + 1e-6f));
    Pack<V> p = load<V>(g + i);
    for (int j = 0; j < V; ++j) p.v[j] *= factor;
    store<V>(g + i, p);
  }
};

}  // namespace

void zero_fill(Context& ctx, void* y, const CountDesc& desc) {
  if (desc.count > 0) check(cudaMemsetAsync(y, 0, static_cast<size_t>(desc.count), ctx.stream), "zero_fill", desc);
}

void accumulate(Context& ctx, float* sum, const float* g, const CountDesc& desc) {
  launch_each(ctx, desc.count, vectorizable(4, sum, g), Accumulate{sum, g});
  check_launch("accumulate", desc);
}

void square_sum(Context& ctx, double* sum, const float* g, const CountDesc& desc) {
  const unsigned blocks = static_cast<unsigned>(std::clamp<int64_t>(divide_up(desc.count, kThreads * 4), 1, kSquareBlocks));
  if (vectorizable(4, g)) {
    square_kernel<4><<<blocks, kThreads, 0, ctx.stream>>>(g, desc.count);
  } else {
    square_kernel<1><<<blocks, kThreads, 0, ctx.stream>>>(g, desc.count);
  }
  square_total_kernel<<<1, kThreads, 0, ctx.stream>>>(sum, static_cast<int32_t>(blocks));
  check_launch("square_sum", desc);
}

void clip_scale(Context& ctx, float* g, const double* sum, const ClipDesc& desc) {
  launch_each(ctx, desc.count, vectorizable(4, g), Clip{g, sum, desc.limit});
  check_launch("clip_scale", desc);
}

}  // namespace netrt
