#include <algorithm>
#include <utility>

#include "matmul.h"

namespace netrt {

// cuBLASLt's matrices are stored by columns, so it is asked for the transposed product: d^T (cols x rows) = right * left^T.
struct MatmulPlan {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, d = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
  size_t workspace = 0;
  bool usable = false;  ///< whether an algorithm fits
  ~MatmulPlan() {
    if (d != nullptr) cublasLtMatrixLayoutDestroy(d);
    if (b != nullptr) cublasLtMatrixLayoutDestroy(b);
    if (a != nullptr) cublasLtMatrixLayoutDestroy(a);
    if (operation != nullptr) cublasLtMatmulDescDestroy(operation);
  }
};

namespace {

// The largest power of two, at most 256, that divides the pointer.
uint32_t alignment_of(const void* pointer) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(pointer) | 256;
  return static_cast<uint32_t>(address & (~address + 1));
}

struct Alignments {
  uint32_t a, b, d, bias;
};

cublasStatus_t set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t name, const auto& value) {
  return cublasLtMatmulDescSetAttribute(operation, name, &value, sizeof value);
}

void set_preference(cublasLtMatmulPreference_t preference, const char* kernel, const FcDesc& desc, size_t workspace, const Alignments& alignments) {
  const auto set_one = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    check(cublasLtMatmulPreferenceSetAttribute(preference, name, &value, sizeof value), kernel, desc);
  };
  set_one(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{workspace});
  // Partial sums, if any, are kept in float32 in the workspace and added in a fixed order.
  set_one(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  set_one(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignments.a);
  set_one(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignments.b);
  set_one(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignments.d);
  set_one(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignments.d);
}

void describe_product(MatmulPlan& plan, const char* kernel, const FcDesc& desc, const Matmul& m) {
  // CUBLAS_COMPUTE_32F is IEEE float32: TF32 would have to be asked for.
  check(cublasLtMatmulDescCreate(&plan.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), kernel, desc);
  const cublasOperation_t a = m.right_transposed ? CUBLAS_OP_N : CUBLAS_OP_T, b = m.left_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  check(set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, a), kernel, desc);
  check(set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, b), kernel, desc);
  const cublasLtEpilogue_t epilogue = m.bias != nullptr ? (m.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS)
                                                        : (m.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT);
  check(set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue), kernel, desc);
  if (m.bias != nullptr) check(set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, m.bias), kernel, desc);
  const auto layout = [&](cublasLtMatrixLayout_t& to, int32_t rows, int32_t cols) {
    check(cublasLtMatrixLayoutCreate(&to, CUDA_R_32F, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), rows), kernel, desc);
  };
  layout(plan.a, m.right_transposed ? m.cols : m.depth, m.right_transposed ? m.depth : m.cols);
  layout(plan.b, m.left_transposed ? m.rows : m.depth, m.left_transposed ? m.depth : m.rows);
  layout(plan.d, m.cols, m.rows);
}

void make_plan(Context& ctx, MatmulPlan& plan, const char* kernel, const FcDesc& desc, const Matmul& m, size_t workspace,
               const Alignments& alignments) {
  describe_product(plan, kernel, desc, m);
  cublasLtMatmulPreference_t preference = nullptr;
  check(cublasLtMatmulPreferenceCreate(&preference), kernel, desc);
  set_preference(preference, kernel, desc, workspace, alignments);
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(ctx.cublaslt, plan.operation, plan.a, plan.b, plan.d, plan.d, preference, 1, &result, &found);
  check(cublasLtMatmulPreferenceDestroy(preference), kernel, desc);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) check(status, kernel, desc);
  plan.usable = status == CUBLAS_STATUS_SUCCESS && found > 0 && result.state == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace;
  plan.algorithm = result.algo;
  plan.workspace = result.workspaceSize;
}

}  // namespace

bool matmul_by_cublaslt(Context& ctx, const char* kernel, const FcDesc& desc, const Matmul& m, float* d, const float* left, const float* right,
                        const Workspace& workspace) {
  const Alignments alignments{alignment_of(right), alignment_of(left), alignment_of(d), alignment_of(m.bias)};
  std::vector<int64_t> key = {m.rows,
                              m.cols,
                              m.depth,
                              m.left_transposed,
                              m.right_transposed,
                              m.relu,
                              m.bias != nullptr,
                              static_cast<int64_t>(workspace.bytes),
                              alignments.a,
                              alignments.b,
                              alignments.d,
                              alignments.bias};
  auto& slot = ctx.matmul_plans[std::move(key)];
  if (slot == nullptr) {
    slot = std::make_shared<MatmulPlan>();
    make_plan(ctx, *slot, kernel, desc, m, workspace.bytes, alignments);
  }
  if (!slot->usable) return false;
  if (m.bias != nullptr) check(set(slot->operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, m.bias), kernel, desc);
  const float one = 1, zero = 0;
  check(cublasLtMatmul(ctx.cublaslt, slot->operation, &one, right, slot->a, left, slot->b, &zero, d, slot->d, d, slot->d, &slot->algorithm,
                       workspace.data, slot->workspace, ctx.stream),
        kernel, desc);
  return true;
}

}  // namespace netrt
