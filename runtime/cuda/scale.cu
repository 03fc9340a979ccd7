#include "columns.h"

namespace netrt {
namespace {

struct Scale {
  float* y;
  const float* x;
  const float* gain;
  int32_t c;
  template <int V>
  __device__ void run(int32_t row, int32_t channel) const {
    Pack<V> p = load<V>(x + int64_t{row} * c + channel);
    const Pack<V> g = load<V>(gain + channel);
    for (int v = 0; v < V; ++v) p.v[v] *= g.v[v];
    store<V>(y + int64_t{row} * c + channel, p);
  }
};

struct Products {
  const float* x;
  const float* dy;
  int32_t c;
  __device__ void operator()(int64_t row, int32_t column, float* sum) const { sum[0] += x[row * c + column] * dy[row * c + column]; }
};

}  // namespace

void scale_forward(Context& ctx, float* y, const float* x, const float* gain, const ScaleDesc& desc) {
  launch_pixels(ctx, desc.rows, desc.c, vectorizable(desc.c, y, x, gain), Scale{y, x, gain, desc.c});
  check_launch("scale_forward", desc);
}

void scale_backward_weights(Context& ctx, float* dgain, const float* x, const float* dy, const ScaleDesc& desc, Workspace workspace) {
  require_workspace("scale_backward_weights", scale_backward_weights_workspace(desc), workspace);
  float* partial = static_cast<float*>(workspace.data);
  const int32_t chunks = cuda::reduction_chunks(desc.rows, desc.c);
  launch_partial_sums<1>(ctx, partial, desc.rows, desc.c, chunks, Products{x, dy, desc.c});
  launch_partial_sums<1>(ctx, dgain, chunks, desc.c, 1, ColumnOf{partial, desc.c});
  check_launch("scale_backward_weights", desc);
}

size_t scale_backward_weights_workspace(const ScaleDesc& desc) { return cuda::scale_backward_weights_workspace(desc); }

}  // namespace netrt
