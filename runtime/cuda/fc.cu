#include "columns.h"
#include "conv_plain.h"
#include "gemm_tile.h"
#include "matmul.h"

namespace netrt {
namespace {

template <bool left_transposed, bool right_transposed>
struct PlainProblem {
  using A = MatrixOperand<!left_transposed>;
  using B = MatrixOperand<!right_transposed>;
  float* d;
  const float *left, *right;
  int32_t m, n, k, splits;
  bool vectors_a, vectors_b;
  __device__ A a(int32_t) const { return {left, left_transposed ? m : k, m, vectors_a}; }
  __device__ B b(int32_t) const { return {right, right_transposed ? n : k, n, vectors_b}; }
  __device__ void write(int32_t, int32_t split, int32_t row, int32_t column, float value) const {
    d[(int64_t{split} * m + row) * n + column] = value;
  }
};

template <bool left_transposed, bool right_transposed>
void launch_plain(Context& ctx, const Matmul& p, float* d, const float* left, const float* right, int32_t splits) {
  const bool vectors_a = vectorizable(left_transposed ? p.rows : p.depth, left), vectors_b = vectorizable(right_transposed ? p.cols : p.depth, right);
  launch_gemm(ctx, PlainProblem<left_transposed, right_transposed>{d, left, right, p.rows, p.cols, p.depth, splits, vectors_a, vectors_b}, 1);
}

// y = activation(x w^T + b); relu may be part of the product.
void forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const FcDesc& d, const Workspace& workspace) {
  const bool fused = d.activation == Activation::relu || d.activation == Activation::none;
  Matmul m{d.rows, d.out, d.in, false, false, fused && d.activation == Activation::relu, fused ? b_or_null : nullptr};
  if ((m.relu || m.bias != nullptr) && matmul_by_cublaslt(ctx, "fc_forward", d, m, y, x, w, workspace)) return;
  m.relu = false;
  m.bias = nullptr;
  if (!matmul_by_cublaslt(ctx, "fc_forward", d, m, y, x, w, workspace)) matmul_plain(ctx, m, y, x, w, workspace);
  bias_activation(ctx, y, b_or_null, d.rows, d.out, d.activation, d.alpha);
}

}  // namespace

void matmul_plain(Context& ctx, const Matmul& m, float* d, const float* left, const float* right, const Workspace& workspace) {
  const int64_t results = int64_t{m.rows} * m.cols;
  const int32_t splits = results > INT32_MAX ? 1 : choose_splits(m.rows, m.cols, m.depth, 1, workspace.bytes);
  float* to = splits > 1 ? static_cast<float*>(workspace.data) : d;
  if (m.left_transposed) {
    m.right_transposed ? launch_plain<true, true>(ctx, m, to, left, right, splits) : launch_plain<true, false>(ctx, m, to, left, right, splits);
  } else {
    m.right_transposed ? launch_plain<false, true>(ctx, m, to, left, right, splits) : launch_plain<false, false>(ctx, m, to, left, right, splits);
  }
  if (splits > 1) {
    const int32_t columns = static_cast<int32_t>(results);
    launch_partial_sums<1>(ctx, d, splits, columns, 1, ColumnOf{to, columns});
  }
}

void fc_forward(Context& ctx, float* y, const float* x, const float* w, const float* b_or_null, const FcDesc& desc, Workspace workspace) {
  forward(ctx, y, x, w, b_or_null, desc, workspace);
  check_launch("fc_forward", desc);
}

// dx[rows, in] = dy[rows, out] w[out, in].
void fc_backward_data(Context& ctx, float* dx, const float* dy, const float* w, const FcDesc& desc, Workspace workspace) {
  const Matmul m{desc.rows, desc.in, desc.out, false, true, false};
  if (!matmul_by_cublaslt(ctx, "fc_backward_data", desc, m, dx, dy, w, workspace)) matmul_plain(ctx, m, dx, dy, w, workspace);
  check_launch("fc_backward_data", desc);
}

// dw[out, in] = dy^T x. The bias gradient goes first, because until dw is written its memory is scratch for the partial sums.
void fc_backward_weights(Context& ctx, float* dw, float* db_or_null, const float* x, const float* dy, const FcDesc& desc, Workspace workspace) {
  if (db_or_null != nullptr) column_sum(ctx, db_or_null, dy, desc.rows, desc.out, dw, int64_t{desc.out} * desc.in);
  const Matmul m{desc.out, desc.in, desc.rows, true, true, false};
  if (!matmul_by_cublaslt(ctx, "fc_backward_weights", desc, m, dw, dy, x, workspace)) matmul_plain(ctx, m, dw, dy, x, workspace);
  check_launch("fc_backward_weights", desc);
}

size_t fc_forward_workspace(const FcDesc& desc) { return cuda::fc_forward_workspace(desc); }
size_t fc_backward_data_workspace(const FcDesc& desc) { return cuda::fc_backward_data_workspace(desc); }
size_t fc_backward_weights_workspace(const FcDesc& desc) { return cuda::fc_backward_weights_workspace(desc); }

}  // namespace netrt
