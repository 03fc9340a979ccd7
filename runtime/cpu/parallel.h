// The one way in which kernels use several threads: a static partition of a range. Each element is worked on by one thread and
// in the same order whatever the number of threads, so results do not depend on it as long as `body` only writes what it was given.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace netrt {

/// Elements under which one thread is faster than waking the others.
inline constexpr int64_t serial_elements = 16384;

/// Calls body(begin, end) for parts that cover [0, count). `cost` is the number of elements touched for each index;
/// threads numbered `most_threads` and above get no part.
template <class Body>
void parallel_for(int64_t count, int64_t cost, const Body& body, int64_t most_threads = INT64_MAX) {
  if (count <= 0) return;
  const bool small = count == 1 || count * std::max<int64_t>(cost, 1) < serial_elements;
  if (small || most_threads == 1 || omp_get_max_threads() == 1) return body(int64_t{0}, count);
#pragma omp parallel
  {
    const int64_t threads = std::min<int64_t>(omp_get_num_threads(), most_threads), id = omp_get_thread_num();
    const int64_t begin = count * id / threads, end = count * (id + 1) / threads;
    if (id < threads && begin < end) body(begin, end);
  }
}

}  // namespace netrt
