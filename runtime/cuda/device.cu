#include <cstdio>
#include <cstdlib>
#include <string>

#include "../device.h"
#include "context.h"

namespace netrt {
namespace {

void must(cudaError_t status, const char* what) {
  if (status != cudaSuccess) fail_cuda(what, "", status);
}

std::string version_text(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::string bytes_text(size_t bytes) {
  char text[64];
  std::snprintf(text, sizeof text, "%zu bytes (%.1f MiB)", bytes, static_cast<double>(bytes) / 1048576.0);
  return text;
}

std::string message(const char* what, const std::string& desc, const std::string& library, int status, const std::string& words) {
  return std::string(what) + (desc.empty() ? "" : " [" + desc + "]") + ": " + library + " reports status " + std::to_string(status) + ": " + words;
}

}  // namespace

void fail(const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::fflush(stderr);
  // Not std::exit: destructors would call a library that may be in error.
  std::_Exit(1);
}

void fail_cuda(const char* what, const std::string& desc, cudaError_t status) {
  fail(message(what, desc, "CUDA", static_cast<int>(status), std::string(cudaGetErrorName(status)) + ", " + cudaGetErrorString(status)));
}

void fail_cudnn(const char* what, const std::string& desc, cudnnStatus_t status) {
  char detail[512] = "";
  cudnnGetLastErrorString(detail, sizeof detail);
  fail(message(what, desc, "cuDNN", static_cast<int>(status), std::string(cudnnGetErrorString(status)) + ", " + detail));
}

void fail_cublas(const char* what, const std::string& desc, cublasStatus_t status) {
  fail(message(what, desc, "cuBLASLt", static_cast<int>(status), cublasLtGetStatusString(status)));
}

void require_workspace(const char* kernel, size_t needed, const Workspace& workspace) {
  if (workspace.bytes < needed || (needed > 0 && workspace.data == nullptr)) {
    fail(std::string(kernel) + ": needs a workspace of " + std::to_string(needed) + " bytes and was given " + std::to_string(workspace.bytes));
  }
}

ContextPtr make_context() {
  int devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&devices);
  if (found != cudaSuccess || devices == 0) {
    fail(std::string("no CUDA device: ") + (found == cudaSuccess ? "none found" : cudaGetErrorString(found)));
  }
  ContextPtr ctx(new Context);
  size_t total = 0;
  must(cudaMemGetInfo(&ctx->free_before, &total), "cudaMemGetInfo");
  int device = 0;
  must(cudaGetDevice(&device), "cudaGetDevice");
  cudaDeviceProp properties{};
  must(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  ctx->device_name = properties.name;
  must(cudaStreamCreateWithFlags(&ctx->stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  must(cudaStreamCreateWithFlags(&ctx->copy_stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  must(cudaEventCreateWithFlags(&ctx->computed, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  must(cudaEventCreateWithFlags(&ctx->copied, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  const cudnnStatus_t cudnn = cudnnCreate(&ctx->cudnn);
  if (cudnn != CUDNN_STATUS_SUCCESS) fail_cudnn("cudnnCreate", "", cudnn);
  const cudnnStatus_t stream = cudnnSetStream(ctx->cudnn, ctx->stream);
  if (stream != CUDNN_STATUS_SUCCESS) fail_cudnn("cudnnSetStream", "", stream);
  const cublasStatus_t cublas = cublasLtCreate(&ctx->cublaslt);
  if (cublas != CUBLAS_STATUS_SUCCESS) fail_cublas("cublasLtCreate", "", cublas);
  return ctx;
}

void ContextDeleter::operator()(Context* ctx) const {
  if (ctx == nullptr) return;
  if (ctx->stream != nullptr) cudaStreamSynchronize(ctx->stream);
  ctx->conv_plans.clear();
  ctx->matmul_plans.clear();
  if (ctx->cublaslt != nullptr) cublasLtDestroy(ctx->cublaslt);
  if (ctx->cudnn != nullptr) cudnnDestroy(ctx->cudnn);
  if (ctx->copied != nullptr) cudaEventDestroy(ctx->copied);
  if (ctx->computed != nullptr) cudaEventDestroy(ctx->computed);
  if (ctx->copy_stream != nullptr) cudaStreamDestroy(ctx->copy_stream);
  if (ctx->stream != nullptr) cudaStreamDestroy(ctx->stream);
  delete ctx;
}

RunState& run_state(Context& ctx) { return ctx.run; }

void* device_allocate(Context& ctx, size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    size_t available = 0, total = 0;
    must(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
    fail("out of memory on " + ctx.device_name + ": " + bytes_text(bytes) + " needed, " + bytes_text(available) + " available of " +
         bytes_text(total));
  }
  must(status, "cudaMalloc");
  ctx.allocated += bytes;
  return memory;
}

void device_free(Context& ctx, void* memory) {
  must(cudaStreamSynchronize(ctx.stream), "cudaStreamSynchronize");
  must(cudaFree(memory), "cudaFree");
}

size_t device_allocated(const Context& ctx) { return ctx.allocated; }

void upload(Context& ctx, void* to, const void* from, size_t bytes) {
  must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, ctx.stream), "upload");
  must(cudaStreamSynchronize(ctx.stream), "upload");
}

void download(Context& ctx, void* to, const void* from, size_t bytes) {
  must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, ctx.stream), "download");
  must(cudaStreamSynchronize(ctx.stream), "download");
}

// The copy starts when all kernels issued before the last upload_wait are done. Those issued since read the batch that it brought, in the
// other slot, so the copy of the next batch runs beside them.
void upload_async(Context& ctx, void* to, const void* from, size_t bytes) {
  must(cudaStreamWaitEvent(ctx.copy_stream, ctx.computed, 0), "upload_async");
  must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, ctx.copy_stream), "upload_async");
  must(cudaEventRecord(ctx.copied, ctx.copy_stream), "upload_async");
}

// The host waits too, since the caller may fill the staging memory again when this returns.
void upload_wait(Context& ctx) {
  must(cudaEventRecord(ctx.computed, ctx.stream), "upload_wait");
  must(cudaStreamWaitEvent(ctx.stream, ctx.copied, 0), "upload_wait");
  must(cudaEventSynchronize(ctx.copied), "upload_wait");
}

void* host_allocate(Context&, size_t bytes) {
  void* memory = nullptr;
  must(cudaMallocHost(&memory, bytes), "host_allocate");
  return memory;
}

void host_free(Context&, void* memory) { must(cudaFreeHost(memory), "host_free"); }

void synchronize(Context& ctx) {
  must(cudaStreamSynchronize(ctx.copy_stream), "synchronize");
  must(cudaStreamSynchronize(ctx.stream), "synchronize");
}

DeviceReport device_report(Context& ctx) {
  DeviceReport report;
  report.name = ctx.device_name;
  int runtime = 0;
  must(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  const size_t cudnn = cudnnGetVersion();
  report.library = "cuDNN " + std::to_string(cudnn / 10000) + "." + std::to_string(cudnn / 100 % 100) + "." + std::to_string(cudnn % 100) +
                   ", CUDA " + version_text(runtime);
  report.free_before = ctx.free_before;
  must(cudaMemGetInfo(&report.free_now, &report.total), "cudaMemGetInfo");
  return report;
}

}  // namespace netrt
