// runtime/device.h for kernels on the host, and libraries that never have an engine that fits, so that our own kernels run.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cuda/context.h"
#include "cuda/conv_cudnn.h"
#include "cuda/matmul.h"

namespace netrt {

bool conv_by_cudnn(Context&, const char*, ConvKind, const ConvDesc&, ConvEpilogue, const CudnnConvArguments&, const Workspace&) { return false; }
bool matmul_by_cublaslt(Context&, const char*, const FcDesc&, const Matmul&, float*, const float*, const float*, const Workspace&) { return false; }

void fail(const std::string& message) {
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::exit(1);
}
void fail_cuda(const char* what, const std::string& desc, cudaError_t) { fail(what + desc); }
void fail_cudnn(const char* what, const std::string& desc, cudnnStatus_t) { fail(what + desc); }
void fail_cublas(const char* what, const std::string& desc, cublasStatus_t) { fail(what + desc); }
void require_workspace(const char* kernel, size_t needed, const Workspace& workspace) {
  if (workspace.bytes < needed) fail(std::string(kernel) + ": workspace too small");
}

ContextPtr make_context() { return ContextPtr(new Context); }
void ContextDeleter::operator()(Context* ctx) const { delete ctx; }
RunState& run_state(Context& ctx) { return ctx.run; }
void* device_allocate(Context&, size_t bytes) { return std::aligned_alloc(256, (bytes + 255) / 256 * 256); }
void device_free(Context&, void* memory) { std::free(memory); }
void upload(Context&, void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }
void download(Context&, void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }

}  // namespace netrt
