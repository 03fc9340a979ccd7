#include <cmath>

#include "context.h"
#include "parallel.h"
#include "rows.h"
#include "window.h"

namespace netrt {
namespace {

/// Rows whose sums are formed by themselves, then merged in order: the same for every number of threads. The values of a chunk fit the
/// second-level cache, so that its second reading is cheap, and its rows are few enough for sums in float.
int64_t chunk_rows(const BnDesc& desc) { return std::clamp<int64_t>(32768 / desc.c, 64, 1024); }

int64_t chunk_count(const BnDesc& desc) { return (desc.rows + chunk_rows(desc) - 1) / chunk_rows(desc); }

Range chunk_range(const BnDesc& desc, int64_t chunk) {
  return {chunk * chunk_rows(desc), std::min<int64_t>((chunk + 1) * chunk_rows(desc), desc.rows)};
}

/// Two rows of c floats for each chunk.
size_t workspace_bytes(const BnDesc& desc) { return sizeof(float) * 2 * chunk_count(desc) * desc.c; }

/// Mean, and sum of squared distances from it, of each channel over some rows.
void chunk_moments(float* mean, float* square, const float* x, int64_t c, Range rows) {
  std::fill(mean, mean + c, 0.0f);
  std::fill(square, square + c, 0.0f);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
#pragma omp simd
    for (int64_t j = 0; j < c; ++j) mean[j] += x[row * c + j];
  }
  const float factor = 1.0f / static_cast<float>(rows.end - rows.begin);
#pragma omp simd
  for (int64_t j = 0; j < c; ++j) mean[j] *= factor;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
#pragma omp simd
    for (int64_t j = 0; j < c; ++j) square[j] += (x[row * c + j] - mean[j]) * (x[row * c + j] - mean[j]);
  }
}

struct Moments {
  double mean = 0, square = 0;
};

/// Merges the chunks of channel j: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
Moments merge_moments(const float* parts, const BnDesc& desc, int64_t j) {
  Moments all;
  double rows = 0;
  for (int64_t chunk = 0; chunk < chunk_count(desc); ++chunk) {
    const Range range = chunk_range(desc, chunk);
    const double more = static_cast<double>(range.end - range.begin);
    const double delta = parts[2 * chunk * desc.c + j] - all.mean;
    all.mean += delta * more / (rows + more);
    all.square += parts[(2 * chunk + 1) * desc.c + j] + delta * delta * rows * more / (rows + more);
    rows += more;
  }
  return all;
}

/// y = activation((x - mean) * (gamma * invstd) + beta).
void normalise(float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta, const BnDesc& desc) {
  const int64_t c = desc.c;
  with_activation(desc.activation, [&](auto which) {
    parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
#pragma omp simd
        for (int64_t j = 0; j < c; ++j) {
          y[row * c + j] = activation_value(which.value, desc.alpha, (x[row * c + j] - mean[j]) * (gamma[j] * invstd[j]) + beta[j]);
        }
      }
    });
  });
}

/// What bn_backward's passes read.
struct BackwardInput {
  const float *x, *mean, *invstd, *gamma, *beta, *dy;
};

/// What a fused activation lets through of dy, from the value it was applied to.
template <class Which>
inline float inner_gradient(Which which, float alpha, float dy, float value) {
  return dy * activation_slope_from_input(which.value, alpha, value);
}

/// Each chunk's sums of the inner gradient and of its product with the normalised value.
void backward_sums(float* parts, const BackwardInput& in, const BnDesc& desc) {
  const int64_t c = desc.c;
  with_activation(desc.activation, [&](auto which) {
    parallel_for(chunk_count(desc), chunk_rows(desc) * c, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        float *sum = parts + 2 * chunk * c, *product = sum + c;
        std::fill(sum, sum + 2 * c, 0.0f);
        const Range rows = chunk_range(desc, chunk);
        for (int64_t row = rows.begin; row < rows.end; ++row) {
          const float *x = in.x + row * c, *dy = in.dy + row * c;
#pragma omp simd
          for (int64_t j = 0; j < c; ++j) {
            const float distance = x[j] - in.mean[j];
            const float gradient = inner_gradient(which, desc.alpha, dy[j], distance * (in.gamma[j] * in.invstd[j]) + in.beta[j]);
            sum[j] += gradient;
            product[j] += gradient * (distance * in.invstd[j]);
          }
        }
      }
    });
  });
}

}  // namespace

size_t bn_forward_workspace(const BnDesc& desc) { return workspace_bytes(desc); }

size_t bn_backward_workspace(const BnDesc& desc) { return workspace_bytes(desc); }

void bn_forward(Context&, float* y, float* mean, float* invstd, float* running_mean, float* running_var, const float* x, const float* gamma,
                const float* beta, const BnDesc& desc, Workspace workspace) {
  require_workspace("bn_forward", bn_forward_workspace(desc), workspace);
  const int64_t c = desc.c;
  float* parts = static_cast<float*>(workspace.data);
  parallel_for(chunk_count(desc), chunk_rows(desc) * c, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      chunk_moments(parts + 2 * chunk * c, parts + (2 * chunk + 1) * c, x, c, chunk_range(desc, chunk));
    }
  });
  const double rows = desc.rows, keep = desc.keep;
  parallel_for(c, chunk_count(desc), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const Moments all = merge_moments(parts, desc, j);
      mean[j] = static_cast<float>(all.mean);
      invstd[j] = static_cast<float>(1.0 / std::sqrt(all.square / rows + desc.eps));
      running_mean[j] = static_cast<float>(keep * running_mean[j] + (1.0 - keep) * all.mean);
      running_var[j] = static_cast<float>(keep * running_var[j] + (1.0 - keep) * all.square / std::max(rows - 1.0, 1.0));
    }
  });
  normalise(y, x, mean, invstd, gamma, beta, desc);
}

void bn_apply(Context&, float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta,
              const BnDesc& desc) {
  normalise(y, x, mean, invstd, gamma, beta, desc);
}

void bn_evaluate(Context&, float* y, const float* x, const float* gamma, const float* beta, const float* running_mean, const float* running_var,
                 const BnDesc& desc) {
  constexpr int64_t block = 128;  // channels whose factors are kept at hand
  const int64_t c = desc.c;
  with_activation(desc.activation, [&](auto which) {
    parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
      float factor[block];
      for (int64_t first = 0; first < c; first += block) {
        const int64_t width = std::min(block, c - first);
        const float *center = running_mean + first, *offset = beta + first;
        for (int64_t j = 0; j < width; ++j) factor[j] = gamma[first + j] / std::sqrt(running_var[first + j] + desc.eps);
        for (int64_t row = begin; row < end; ++row) {
          const float* in = x + row * c + first;
          float* out = y + row * c + first;
#pragma omp simd
          for (int64_t j = 0; j < width; ++j) out[j] = activation_value(which.value, desc.alpha, (in[j] - center[j]) * factor[j] + offset[j]);
        }
      }
    });
  });
}

// With u the gradient before the activation and z the normalised value: dbeta = sum u, dgamma = sum u z,
// dx = gamma * invstd * (u - dbeta / rows - z * dgamma / rows).
void bn_backward(Context&, float* dx, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd, const float* gamma,
                 const float* beta, const float* dy, const BnDesc& desc, Workspace workspace) {
  require_workspace("bn_backward", bn_backward_workspace(desc), workspace);
  const int64_t c = desc.c;
  float* parts = static_cast<float*>(workspace.data);
  const BackwardInput in{x, mean, invstd, gamma, beta, dy};
  backward_sums(parts, in, desc);
  for (int64_t j = 0; j < c; ++j) {
    double sum = 0, product = 0;
    for (int64_t chunk = 0; chunk < chunk_count(desc); ++chunk) {
      sum += parts[2 * chunk * c + j];
      product += parts[(2 * chunk + 1) * c + j];
    }
    dbeta[j] = static_cast<float>(sum);
    dgamma[j] = static_cast<float>(product);
  }
  if (!dx) return;
  const float share = 1.0f / static_cast<float>(desc.rows);
  with_activation(desc.activation, [&](auto which) {
    parallel_for(desc.rows, c, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
#pragma omp simd
        for (int64_t j = 0; j < c; ++j) {
          const float distance = x[row * c + j] - mean[j], scale = gamma[j] * invstd[j];
          const float gradient = inner_gradient(which, desc.alpha, dy[row * c + j], distance * scale + beta[j]);
          dx[row * c + j] = scale * (gradient - (dbeta[j] + distance * invstd[j] * dgamma[j]) * share);
        }
      }
    });
  });
}

}  // namespace netrt
