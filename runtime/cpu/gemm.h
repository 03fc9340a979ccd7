// oneDNN's product of row-major matrices, which may be parts of wider ones.
#pragma once

#include <omp.h>

#include <string>

#include "context.h"

namespace netrt {

/// c[m, n] = op(a) op(b) + beta * c; op transposes where its letter is 'T'. A pitch is the distance between a matrix's rows in memory.
inline void gemm(const char* kernel, char op_a, char op_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t pitch_a, const float* b, int64_t pitch_b,
                 float beta, float* c, int64_t pitch_c) {
  const dnnl_status_t status = dnnl_sgemm(op_a, op_b, m, n, k, 1.0f, a, pitch_a, b, pitch_b, beta, c, pitch_c);
  if (status != dnnl_success) fail(std::string(kernel) + ": oneDNN's matrix product failed with status " + std::to_string(status));
}

/// While it lives, this thread's products use no other threads: where a kernel divides its work itself, the order of sums must not depend on
/// how many threads there are.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace netrt
