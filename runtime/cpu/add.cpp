#include "context.h"
#include "parallel.h"
#include "rows.h"

namespace netrt {

void add_forward(Context&, float* y, const float* a, const float* b, const AddDesc& desc) {
  with_activation(desc.activation, [&](auto which) {
    parallel_for(desc.count, 1, [&](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) y[i] = activation_value(which.value, desc.alpha, a[i] + b[i]);
    });
  });
}

}  // namespace netrt
