// Kernels on gradients before the update: clearing, adding up, clipping.
#include <array>
#include <cmath>
#include <cstring>

#include "context.h"
#include "parallel.h"

namespace netrt {

void zero_fill(Context&, void* y, const CountDesc& desc) {
  constexpr int64_t page = 4096;
  char* bytes = static_cast<char*>(y);
  parallel_for((desc.count + page - 1) / page, page / 16, [&](int64_t begin, int64_t end) {
    std::memset(bytes + begin * page, 0, static_cast<size_t>(std::min(end * page, desc.count) - begin * page));
  });
}

void accumulate(Context&, float* sum, const float* g, const CountDesc& desc) {
  parallel_for(desc.count, 1, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) sum[i] += g[i];
  });
}

void square_sum(Context&, double* sum, const float* g, const CountDesc& desc) {
  constexpr int64_t parts = 64;  // fixed, so that the order of the sums does not depend on the number of threads
  std::array<double, parts> part_sum{};
  parallel_for(parts, desc.count / parts + 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      double total = 0;
      const int64_t first = desc.count / parts * part + std::min(part, desc.count % parts);
      const int64_t last = first + desc.count / parts + (part < desc.count % parts ? 1 : 0);
#pragma omp simd reduction(+ : total)
      for (int64_t i = first; i < last; ++i) total += static_cast<double>(g[i]) * g[i];
      part_sum[part] = total;
    }
  });
  for (const double part : part_sum) *sum += part;
}

void clip_scale(Context&, float* g, const double* sum, const ClipDesc& desc) {
  const float factor = static_cast<float>(std::min(1.0, desc.limit / (std::sqrt(*sum) + 1e-6)));
  if (factor == 1.0f) return;
  parallel_for(desc.count, 1, [&](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) g[i] *= factor;
  });
}

}  // namespace netrt
