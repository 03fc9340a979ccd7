#include "../activation_math.h"
#include "launch.h"

namespace netrt {
namespace {

struct Add {
  float* y;
  const float* a;
  const float* b;
  Activation activation;
  float alpha;
  template <int V>
  __device__ void run(int64_t i) const {
    Pack<V> p = load<V>(a + i);
    const Pack<V> q = load<V>(b + i);
    for (int j = 0; j < V; ++j) p.v[j] = activation_value(activation, alpha, p.v[j] + q.v[j]);
    store<V>(y + i, p);
  }
};

}  // namespace

void add_forward(Context& ctx, float* y, const float* a, const float* b, const AddDesc& desc) {
  launch_each(ctx, desc.count, vectorizable(4, y, a, b), Add{y, a, b, desc.activation, desc.alpha});
  check_launch("add_forward", desc);
}

}  // namespace netrt
