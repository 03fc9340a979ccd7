#include <cmath>

#include "context.h"
#include "rows.h"

namespace netrt {
namespace {

/// Channels worked on together: what is known of each stays in the first-level cache while the pixels stream past. A block is as many whole
/// groups as have no more channels, or one group in several steps.
constexpr int64_t block_channels = 64;

/// Pixels whose values are added in float before they are in double.
constexpr int64_t pixel_chunk = 256;

/// Some groups of one sample.
struct Block {
  int64_t sample, first, groups;
};

/// A step of at most block_channels channels of a block.
struct Step {
  int64_t channel, width;
  int64_t group(int64_t j, int64_t group_channels) const { return (channel + j) / group_channels; }
};

template <class Body>
void for_blocks(const GroupNormDesc& desc, const Body& body) {
  const int64_t each = std::max<int64_t>(1, block_channels * desc.groups / desc.c), blocks = (desc.groups + each - 1) / each;
  parallel_for(desc.n * blocks, int64_t{desc.pixels} * (desc.c / blocks) * 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks * each;
      body(Block{i / blocks, first, std::min<int64_t>(each, desc.groups - first)});
    }
  });
}

template <class Body>
void for_steps(const Block& block, const GroupNormDesc& desc, const Body& body) {
  const int64_t size = desc.c / desc.groups, end = (block.first + block.groups) * size;
  for (int64_t channel = block.first * size; channel < end; channel += block_channels) body(Step{channel, std::min(block_channels, end - channel)});
}

/// sums[j] = the sum over all pixels of term(pixel * c + j), for `width` channels.
template <class Term>
void pixel_sums(double* sums, int64_t width, const GroupNormDesc& desc, const Term& term) {
  std::fill(sums, sums + width, 0.0);
  for (int64_t first = 0; first < desc.pixels; first += pixel_chunk) {
    float part[block_channels] = {};
    for (int64_t pixel = first; pixel < std::min<int64_t>(first + pixel_chunk, desc.pixels); ++pixel) {
#pragma omp simd
      for (int64_t j = 0; j < width; ++j) part[j] += term(pixel * desc.c, j);
    }
    for (int64_t j = 0; j < width; ++j) sums[j] += part[j];
  }
}

struct GroupMoments {
  float mean[block_channels], invstd[block_channels];  ///< by group of the block
};

/// `x`: of the block's sample.
GroupMoments moments_of(const Block& block, const float* x, const GroupNormDesc& desc) {
  const int64_t size = desc.c / desc.groups;
  const double count = static_cast<double>(desc.pixels) * static_cast<double>(size);
  GroupMoments moments;
  double total[block_channels] = {}, squares[block_channels] = {}, sums[block_channels];
  for_steps(block, desc, [&](Step step) {
    const float* in = x + step.channel;
    pixel_sums(sums, step.width, desc, [&](int64_t pixel, int64_t j) { return in[pixel + j]; });
    for (int64_t j = 0; j < step.width; ++j) total[step.group(j, size) - block.first] += sums[j];
  });
  for (int64_t g = 0; g < block.groups; ++g) moments.mean[g] = static_cast<float>(total[g] / count);
  for_steps(block, desc, [&](Step step) {
    const float* in = x + step.channel;
    float mean[block_channels];
    for (int64_t j = 0; j < step.width; ++j) mean[j] = moments.mean[step.group(j, size) - block.first];
    pixel_sums(sums, step.width, desc, [&](int64_t pixel, int64_t j) { return (in[pixel + j] - mean[j]) * (in[pixel + j] - mean[j]); });
    for (int64_t j = 0; j < step.width; ++j) squares[step.group(j, size) - block.first] += sums[j];
  });
  for (int64_t g = 0; g < block.groups; ++g) moments.invstd[g] = static_cast<float>(1.0 / std::sqrt(squares[g] / count + desc.eps));
  return moments;
}

/// y = (x - mean) * (invstd * gamma) + beta, of one block; in place allowed.
void normalise(float* y, const float* x, const Block& block, const GroupMoments& moments, const float* gamma, const float* beta,
               const GroupNormDesc& desc) {
  const int64_t c = desc.c, size = c / desc.groups, sample = desc.pixels * c;
  const float* in = x + block.sample * sample;
  float* out = y + block.sample * sample;
  for_steps(block, desc, [&](Step step) {
    float mean[block_channels], factor[block_channels];
    for (int64_t j = 0; j < step.width; ++j) {
      const int64_t group = step.group(j, size) - block.first;
      mean[j] = moments.mean[group];
      factor[j] = moments.invstd[group] * gamma[step.channel + j];
    }
    for (int64_t i = step.channel; i < sample; i += c) {
#pragma omp simd
      for (int64_t j = 0; j < step.width; ++j) out[i + j] = (in[i + j] - mean[j]) * factor[j] + beta[step.channel + j];
    }
  });
}

/// What the backward pass knows of each channel of a step.
struct Channels {
  float mean[block_channels], invstd[block_channels], gamma[block_channels], offset[block_channels], slope[block_channels];
};

/// The sums over pixels of dy and of dy * z of each channel, z being the normalised value.
void channel_sums(float* sum, float* product, const Channels& of, const float* x, const float* dy, int64_t width, const GroupNormDesc& desc) {
  double sums[block_channels];
  pixel_sums(sums, width, desc, [&](int64_t pixel, int64_t j) { return dy[pixel + j]; });
  for (int64_t j = 0; j < width; ++j) sum[j] = static_cast<float>(sums[j]);
  pixel_sums(sums, width, desc, [&](int64_t pixel, int64_t j) { return dy[pixel + j] * (x[pixel + j] - of.mean[j]) * of.invstd[j]; });
  for (int64_t j = 0; j < width; ++j) product[j] = static_cast<float>(sums[j]);
}

}  // namespace

void groupnorm_forward(Context&, float* y, float* mean_or_null, float* invstd_or_null, const float* x, const float* gamma, const float* beta,
                       const GroupNormDesc& desc) {
  for_blocks(desc, [&](Block block) {
    const GroupMoments moments = moments_of(block, x + block.sample * desc.pixels * desc.c, desc);
    const int64_t at = block.sample * desc.groups + block.first;
    if (mean_or_null != nullptr) std::copy_n(moments.mean, block.groups, mean_or_null + at);
    if (invstd_or_null != nullptr) std::copy_n(moments.invstd, block.groups, invstd_or_null + at);
    normalise(y, x, block, moments, gamma, beta, desc);
  });
}

void groupnorm_apply(Context&, float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta,
                     const GroupNormDesc& desc) {
  for_blocks(desc, [&](Block block) {
    GroupMoments moments;
    const int64_t at = block.sample * desc.groups + block.first;
    std::copy_n(mean + at, block.groups, moments.mean);
    std::copy_n(invstd + at, block.groups, moments.invstd);
    normalise(y, x, block, moments, gamma, beta, desc);
  });
}

/// Two sums for each sample and channel.
size_t groupnorm_backward_workspace(const GroupNormDesc& desc) { return sizeof(float) * 2 * desc.n * desc.c; }

// With g = dy * gamma: dx = invstd * (g - mean(g) - z * mean(g z)), the means over the group's values.
void groupnorm_backward(Context&, float* dx_or_null, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd,
                        const float* gamma, const float* dy, const GroupNormDesc& desc, Workspace workspace) {
  require_workspace("groupnorm_backward", groupnorm_backward_workspace(desc), workspace);
  const int64_t c = desc.c, size = c / desc.groups, sample = desc.pixels * c;
  float *sums = static_cast<float*>(workspace.data), *products = sums + desc.n * c;
  const auto channels_of = [&](const Block& block, Step step) {
    Channels of;
    for (int64_t j = 0; j < step.width; ++j) {
      const int64_t group = block.sample * desc.groups + step.group(j, size);
      of.mean[j] = mean[group];
      of.invstd[j] = invstd[group];
      of.gamma[j] = gamma[step.channel + j];
    }
    return of;
  };
  for_blocks(desc, [&](Block block) {
    const float *in = x + block.sample * sample, *from = dy + block.sample * sample;
    double offset[block_channels] = {}, slope[block_channels] = {};
    for_steps(block, desc, [&](Step step) {
      const int64_t at = block.sample * c + step.channel;
      channel_sums(sums + at, products + at, channels_of(block, step), in + step.channel, from + step.channel, step.width, desc);
      for (int64_t j = 0; j < step.width; ++j) {
        const int64_t group = step.group(j, size) - block.first;
        offset[group] += double{gamma[step.channel + j]} * sums[at + j];
        slope[group] += double{gamma[step.channel + j]} * products[at + j];
      }
    });
    if (dx_or_null == nullptr) return;
    const double share = 1.0 / (static_cast<double>(desc.pixels) * static_cast<double>(size));
    for_steps(block, desc, [&](Step step) {
      Channels of = channels_of(block, step);
      for (int64_t j = 0; j < step.width; ++j) {
        const int64_t group = step.group(j, size) - block.first;
        of.offset[j] = static_cast<float>(offset[group] * share);
        of.slope[j] = static_cast<float>(slope[group] * share);
      }
      float* out = dx_or_null + block.sample * sample;
      for (int64_t i = step.channel; i < sample; i += c) {
#pragma omp simd
        for (int64_t j = 0; j < step.width; ++j) {
          const float z = (in[i + j] - of.mean[j]) * of.invstd[j];
          out[i + j] = of.invstd[j] * (from[i + j] * of.gamma[j] - of.offset[j] - z * of.slope[j]);
        }
      }
    });
  });
  column_sum(dbeta, sums, desc.n, c);
  column_sum(dgamma, products, desc.n, c);
}

}  // namespace netrt
