#include "fc_tile.h"
#include "gemm.h"
#include "parallel.h"
#include "rows.h"

namespace netrt {
namespace {

/// The product of matrices that lie densely in memory.
void dense_gemm(const char* kernel, char op_a, char op_b, int64_t m, int64_t n, int64_t k, const float* a, const float* b, float* c) {
  gemm(kernel, op_a, op_b, m, n, k, a, op_a == 'N' ? k : m, b, op_b == 'N' ? n : k, 0.0f, c, n);
}

}  // namespace

size_t fc_forward_workspace(const FcDesc& desc) { return tile_fc_can(desc) ? tile_fc_forward_workspace(desc, omp_get_max_threads()) : 0; }
size_t fc_backward_data_workspace(const FcDesc& desc) { return tile_fc_can(desc) ? tile_fc_backward_data_workspace(omp_get_max_threads()) : 0; }
size_t fc_backward_weights_workspace(const FcDesc&) { return 0; }

void fc_forward(Context&, float* y, const float* x, const float* w, const float* b_or_null, const FcDesc& desc, Workspace workspace) {
  if (tile_fc_can(desc) && tile_fc_forward_workspace(desc, 1) <= workspace.bytes) {
    tile_fc_forward(y, x, w, desc, workspace);
  } else {
    dense_gemm("fc_forward", 'N', 'T', desc.rows, desc.out, desc.in, x, w, y);
  }
  bias_activation(y, b_or_null, desc.rows, desc.out, desc.activation, desc.alpha);
}

void fc_backward_data(Context&, float* dx, const float* dy, const float* w, const FcDesc& desc, Workspace workspace) {
  if (tile_fc_can(desc) && tile_fc_backward_data_workspace(1) <= workspace.bytes) {
    tile_fc_backward_data(dx, dy, w, desc, workspace);
  } else {
    dense_gemm("fc_backward_data", 'N', 'N', desc.rows, desc.in, desc.out, dy, w, dx);
  }
}

void fc_backward_weights(Context&, float* dw, float* db_or_null, const float* x, const float* dy, const FcDesc& desc, Workspace) {
  dense_gemm("fc_backward_weights", 'T', 'N', desc.out, desc.in, desc.rows, dy, x, dw);
  if (db_or_null != nullptr) column_sum(db_or_null, dy, desc.rows, desc.out);
}

}  // namespace netrt
