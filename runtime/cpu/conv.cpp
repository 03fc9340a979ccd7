// Which way a convolution is done, and the public kernels. A program planned on another machine may bring less workspace than the best
// way wants here: the kernels then take a way that needs less, down to plain loops that need none.
#include "conv_dnnl.h"
#include "conv_plain.h"
#include "conv_tile.h"
#include "parallel.h"
#include "rows.h"

namespace netrt {
namespace {

/// Which of the two fast ways, where both can: the faster one as measured on a Zen 3 with AVX2. Tiles win where oneDNN's blocked kernels
/// meet channel counts or rows that do not suit them, and in nearly all weight gradients; oneDNN wins at 1 x 1 filters and small images.
bool prefer_tiles(const ConvDesc& d, ConvPass pass) {
  if (!tile_conv_can(d, pass)) return false;
  const int64_t threads = omp_get_max_threads(), taps = int64_t{d.r} * d.s;
  if (pass == ConvPass::weights) {
    const bool busy = taps * d.c * d.k >= 256 * threads;  // each thread has several tiles of sums
    const bool fits = taps * d.c * d.k <= (1 << 18) || int64_t{d.oh} * d.ow >= 128;  // the sums are kept near, or used often
    return busy && fits;
  }
  const int64_t depth = taps * (pass == ConvPass::data ? d.k : d.c), row = pass == ConvPass::data ? d.w : d.ow;
  return taps > 1 && depth >= 128 && depth <= 2048 && row >= 10;  // at most 128 KiB of weights for 16 channels
}

size_t workspace_of(const ConvDesc& desc, ConvPass pass) {
  if (prefer_tiles(desc, pass)) return tile_conv_workspace(desc, pass, omp_get_max_threads());
  return static_cast<size_t>(std::max<int64_t>(dnnl_conv_workspace(desc, pass), 0));
}

/// The fast ways, the better one first; false where neither fits the workspace.
bool run_fast(Context& ctx, ConvPass pass, const ConvBuffers& at, const ConvDesc& desc, Workspace workspace) {
  const bool tiles_fit = tile_conv_can(desc, pass) && tile_conv_workspace(desc, pass, 1) <= workspace.bytes;
  if (!(tiles_fit && prefer_tiles(desc, pass)) && dnnl_conv_run(ctx, pass, at, desc, workspace)) return true;
  if (tiles_fit) tile_conv_run(pass, at, desc, workspace);
  return tiles_fit;
}

int64_t out_pixels(const ConvDesc& desc) { return int64_t{desc.n} * desc.oh * desc.ow; }

int64_t in_pixels(const ConvDesc& desc) { return int64_t{desc.n} * desc.h * desc.w; }

/// oneDNN's handles are not const, but it only writes what a pass makes.
float* handle(const float* data) { return const_cast<float*>(data); }

void run_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& desc, Workspace workspace) {
  if (run_fast(ctx, ConvPass::forward, {handle(x), handle(w), handle(b_or_null), y}, desc, workspace)) return;
  plain_conv_forward(y, x, w, desc);
  bias_activation(y, b_or_null, out_pixels(desc), desc.k, desc.activation, desc.alpha);
}

void run_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const ConvDesc& desc, Workspace workspace) {
  if (run_fast(ctx, ConvPass::data, {dx, handle(w), nullptr, handle(dy)}, desc, workspace)) return;
  plain_conv_backward_data(dx, dy, w, desc);
}

void run_backward_weights(Context& ctx, float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc& desc, Workspace workspace) {
  if (run_fast(ctx, ConvPass::weights, {handle(x), dw, db_or_null, handle(dy)}, desc, workspace)) return;
  plain_conv_backward_weights(dw, x, dy, desc);
  if (db_or_null != nullptr) column_sum(db_or_null, dy, out_pixels(desc), desc.k);
}

/// The convolution whose passes a transposed one borrows, without the activation of the latter.
ConvDesc without_activation(ConvDesc desc) {
  desc.activation = Activation::none;
  desc.alpha = 0;
  return desc;
}

}  // namespace

size_t conv_forward_workspace(const ConvDesc& desc) { return workspace_of(desc, ConvPass::forward); }
size_t conv_backward_data_workspace(const ConvDesc& desc) { return workspace_of(desc, ConvPass::data); }
size_t conv_backward_weights_workspace(const ConvDesc& desc) { return workspace_of(desc, ConvPass::weights); }
size_t deconv_forward_workspace(const ConvDesc& desc) { return workspace_of(desc, ConvPass::data); }
size_t deconv_backward_data_workspace(const ConvDesc& desc) { return workspace_of(without_activation(desc), ConvPass::forward); }
size_t deconv_backward_weights_workspace(const ConvDesc& desc) { return workspace_of(desc, ConvPass::weights); }

void conv_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& desc, Workspace workspace) {
  run_forward(ctx, y, x, w, b_or_null, desc, workspace);
}

void conv_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const ConvDesc& desc, Workspace workspace) {
  run_backward_data(ctx, dx, dy, w, desc, workspace);
}

void conv_backward_weights(Context& ctx, float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc& desc, Workspace workspace) {
  run_backward_weights(ctx, dw, db_or_null, x, dy, desc, workspace);
}

void deconv_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc& desc, Workspace workspace) {
  run_backward_data(ctx, y, x, w, desc, workspace);
  bias_activation(y, b_or_null, in_pixels(desc), desc.c, desc.activation, desc.alpha);
}

void deconv_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const ConvDesc& desc, Workspace workspace) {
  run_forward(ctx, dx, dy, w, nullptr, without_activation(desc), workspace);
}

void deconv_backward_weights(Context& ctx, float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc& desc, Workspace workspace) {
  run_backward_weights(ctx, dw, nullptr, dy, x, desc, workspace);
  if (db_or_null != nullptr) column_sum(db_or_null, dy, in_pixels(desc), desc.c);
}

}  // namespace netrt
