// What the trainer asks of a device, whichever it is. Implemented by runtime/cpu/device.cpp and runtime/cuda/device.cu.
// Every function ends the program with a clear message on failure (fail()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "run_state.h"

namespace netrt {

struct Context;

struct ContextDeleter {
  void operator()(Context*) const;
};
using ContextPtr = std::unique_ptr<Context, ContextDeleter>;

ContextPtr make_context();
RunState& run_state(Context&);

/// The one allocation: `bytes`, aligned to 256. Refuses (fail) with needed and available bytes when there is not enough.
void* device_allocate(Context&, size_t bytes);
void device_free(Context&, void*);
/// Bytes asked of the system through device_allocate so far.
size_t device_allocated(const Context&);

/// Stream-ordered with the kernels; `from`/`to` on the host may be reused when the call returns.
void upload(Context&, void* to, const void* from, size_t bytes);
void download(Context&, void* to, const void* from, size_t bytes);
/// A copy that may still run when it returns, on a stream of its own; `upload_wait` makes later kernels wait for it.
/// `from` must come from host_allocate and stay untouched until then.
void upload_async(Context&, void* to, const void* from, size_t bytes);
void upload_wait(Context&);
/// Staging memory for uploads (pinned on a GPU).
void* host_allocate(Context&, size_t bytes);
void host_free(Context&, void*);
void synchronize(Context&);

struct DeviceReport {
  std::string name;          ///< "NVIDIA H200", "CPU, 2 threads"
  std::string library;       ///< "cuDNN 9.19.0, CUDA 13.0", "oneDNN 2.6.3"
  size_t free_before = 0;    ///< before the context; 0 where unknown
  size_t free_now = 0;
  size_t total = 0;
};
DeviceReport device_report(Context&);

/// Prints "error: ..." on standard error and exits with status 1.
[[noreturn]] void fail(const std::string& message);

}  // namespace netrt
