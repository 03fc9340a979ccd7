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

}  // namespace netrt
