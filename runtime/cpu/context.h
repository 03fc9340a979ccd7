// What the CPU kernels share: the run's state, oneDNN's engine and stream, and the bytes asked of the system.
#pragma once

#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "../device.h"
#include "../kernels.h"

namespace netrt {

/// oneDNN's CPU engine. One for the process, because planning asks oneDNN for workspace sizes before there is a context.
dnnl::engine& dnnl_engine();

struct Context {
  RunState run;
  dnnl::stream stream{dnnl_engine()};
  size_t allocated = 0;  ///< bytes asked through device_allocate
};

/// Ends the program where a workspace is smaller than a kernel's least; the message names the kernel and both sizes.
void require_workspace(const char* kernel, size_t needed, const Workspace& workspace);

/// Bytes rounded up to the alignment of everything in a workspace.
inline size_t round_workspace(size_t bytes) { return (bytes + 255) / 256 * 256; }

/// A workspace as some bytes for all threads and then a part for each: how many threads it serves, and where a thread's part begins.
struct ThreadParts {
  size_t shared, each;

  size_t bytes(int64_t threads) const { return shared + each * static_cast<size_t>(threads); }
  int64_t threads(const Workspace& workspace) const { return each == 0 ? INT64_MAX : static_cast<int64_t>((workspace.bytes - shared) / each); }
  float* part(const Workspace& workspace, int thread) const {
    return reinterpret_cast<float*>(static_cast<char*>(workspace.data) + shared + each * static_cast<size_t>(thread));
  }
};

}  // namespace netrt
