// What the CUDA kernels share: streams, library handles, plans already made, and how a failed call ends the program.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "../device.h"
#include "../kernels.h"
#include "cudnn_graph.h"

namespace netrt {

/// A chosen cuBLASLt algorithm with its descriptors; see matmul.cpp.
struct MatmulPlan;

struct Context {
  RunState run;
  cudaStream_t stream = nullptr;       ///< every kernel
  cudaStream_t copy_stream = nullptr;  ///< upload_async
  cudaEvent_t computed = nullptr;      ///< at the last upload_wait: what a copy waits for
  cudaEvent_t copied = nullptr;
  cudnnHandle_t cudnn = nullptr;
  cublasLtHandle_t cublaslt = nullptr;
  /// Keyed by kind, shape and workspace; null where cuDNN has no engine that fits and our own kernel serves.
  std::map<std::vector<int64_t>, std::unique_ptr<CudnnPlan>> conv_plans;
  std::map<std::vector<int64_t>, std::shared_ptr<MatmulPlan>> matmul_plans;
  std::string device_name;
  size_t free_before = 0;  ///< bytes, when the device was first touched
  size_t allocated = 0;    ///< bytes asked through device_allocate
};

/// A desc's fields as text, for messages: "n=64 h=50 ...".
template <class Desc>
std::string describe(Desc desc) {
  std::string text;
  desc.fields([&](const char* name, const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_enum_v<Value>) {
      text += std::string(text.empty() ? "" : " ") + name + "=" + std::to_string(static_cast<int>(value));
    } else {
      text += std::string(text.empty() ? "" : " ") + name + "=" + std::to_string(value);
    }
  });
  return text;
}

/// The values of a desc's fields, appended to the key of a plan cache.
template <class Desc>
void append_key(std::vector<int64_t>& key, Desc desc) {
  desc.fields([&](const char*, const auto& value) {
    if constexpr (!std::is_floating_point_v<std::decay_t<decltype(value)>>) key.push_back(static_cast<int64_t>(value));
  });
}

[[noreturn]] void fail_cuda(const char* what, const std::string& desc, cudaError_t status);
[[noreturn]] void fail_cudnn(const char* what, const std::string& desc, cudnnStatus_t status);
[[noreturn]] void fail_cublas(const char* what, const std::string& desc, cublasStatus_t status);

/// End the program with the kernel, its desc and the library's own words unless `status` is success.
template <class Desc>
void check(cudaError_t status, const char* kernel, const Desc& desc) {
  if (status != cudaSuccess) fail_cuda(kernel, describe(desc), status);
}
template <class Desc>
void check(cudnnStatus_t status, const char* kernel, const Desc& desc) {
  if (status != CUDNN_STATUS_SUCCESS) fail_cudnn(kernel, describe(desc), status);
}
template <class Desc>
void check(cublasStatus_t status, const char* kernel, const Desc& desc) {
  if (status != CUBLAS_STATUS_SUCCESS) fail_cublas(kernel, describe(desc), status);
}
/// After a kernel's launch.
template <class Desc>
void check_launch(const char* kernel, const Desc& desc) {
  check(cudaGetLastError(), kernel, desc);
}

/// Ends the program where a workspace is smaller than a kernel's least.
void require_workspace(const char* kernel, size_t needed, const Workspace& workspace);

}  // namespace netrt
