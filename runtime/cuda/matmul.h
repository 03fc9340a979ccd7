// Products of row-major float32 matrices: cuBLASLt where an algorithm fits the workspace, else our own tiled kernel.
#pragma once

#include "context.h"

namespace netrt {

/// d[rows, cols] = sum over depth of left(row, k) * right(col, k). `left` is rows x depth, or depth x rows where left_transposed; `right` is
/// cols x depth, or depth x cols where right_transposed.
struct Matmul {
  int32_t rows, cols, depth;
  bool left_transposed, right_transposed;
  bool relu;                  ///< after the bias
  const float* bias = nullptr;  ///< cols values, or null
};

/// Runs it through cuBLASLt within the workspace; false where no algorithm fits and nothing was done. `kernel` and `desc` are for messages.
/// The algorithm is chosen once for each shape, number of bytes and alignment up to 256, which all buffers of a plan have: a call made again
/// with as many bytes leaves the same bits.
bool matmul_by_cublaslt(Context& ctx, const char* kernel, const FcDesc& desc, const Matmul& m, float* d, const float* left, const float* right,
                        const Workspace& workspace);

/// Runs it through our own kernel, which takes no relu: bias and activation follow in a pass of their own. Uses the workspace if it helps, by
/// its size alone.
void matmul_plain(Context& ctx, const Matmul& m, float* d, const float* left, const float* right, const Workspace& workspace);

}  // namespace netrt
