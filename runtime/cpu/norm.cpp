#include <cmath>

#include "context.h"
#include "rows.h"

namespace netrt {
namespace {

struct Moments {
  float mean, invstd;
};

Moments row_moments(const float* x, const NormDesc& desc) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < desc.c; ++j) sum += x[j];
  const float mean = sum / static_cast<float>(desc.c);
  float square = 0;
#pragma omp simd reduction(+ : square)
  for (int64_t j = 0; j < desc.c; ++j) square += (x[j] - mean) * (x[j] - mean);
  return {mean, 1.0f / std::sqrt(square / static_cast<float>(desc.c) + desc.eps)};
}

/// Adds the row's dy * z and dy to `dgamma` and `dbeta`, z being the normalised value.
void add_row(float* dgamma, float* dbeta, const float* x, const float* dy, Moments row, int64_t c) {
#pragma omp simd
  for (int64_t j = 0; j < c; ++j) {
    dgamma[j] += dy[j] * (x[j] - row.mean) * row.invstd;
    dbeta[j] += dy[j];
  }
}

/// With g = dy * gamma: dx = invstd * (g - mean(g) - z * mean(g z)).
void row_gradient(float* dx, const float* x, const float* gamma, const float* dy, Moments row, int64_t c) {
  float sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
  for (int64_t j = 0; j < c; ++j) {
    const float g = dy[j] * gamma[j];
    sum += g;
    product += g * (x[j] - row.mean) * row.invstd;
  }
  const float share = 1.0f / static_cast<float>(c);
#pragma omp simd
  for (int64_t j = 0; j < c; ++j) {
    const float z = (x[j] - row.mean) * row.invstd;
    dx[j] = row.invstd * (dy[j] * gamma[j] - (sum + z * product) * share);
  }
}

}  // namespace

size_t norm_backward_workspace(const NormDesc& desc) { return sizeof(float) * 2 * row_chunks(desc.rows) * desc.c; }

void norm_forward(Context&, float* y, float* mean, float* invstd, const float* x, const float* gamma, const float* beta, const NormDesc& desc) {
  const int64_t c = desc.c;
  parallel_for(desc.rows, 2 * c, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const Moments moments = row_moments(x + row * c, desc);
      if (mean) mean[row] = moments.mean;
      if (invstd) invstd[row] = moments.invstd;
#pragma omp simd
      for (int64_t j = 0; j < c; ++j) y[row * c + j] = (x[row * c + j] - moments.mean) * moments.invstd * gamma[j] + beta[j];
    }
  });
}

void norm_backward(Context&, float* dx, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd, const float* gamma,
                   const float* dy, const NormDesc& desc, Workspace workspace) {
  require_workspace("norm_backward", norm_backward_workspace(desc), workspace);
  const int64_t c = desc.c, chunks = row_chunks(desc.rows);
  float* parts = static_cast<float*>(workspace.data);
  sum_chunks(parts, 2 * c, desc.rows, [&](float* sums, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      add_row(sums, sums + c, x + row * c, dy + row * c, {mean[row], invstd[row]}, c);
      if (dx) row_gradient(dx + row * c, x + row * c, gamma, dy + row * c, {mean[row], invstd[row]}, c);
    }
  });
  parallel_for(c, 2 * chunks, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      double gammas = 0, betas = 0;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        gammas += parts[2 * chunk * c + j];
        betas += parts[(2 * chunk + 1) * c + j];
      }
      dgamma[j] = static_cast<float>(gammas);
      dbeta[j] = static_cast<float>(betas);
    }
  });
}

}  // namespace netrt
