// runtime/device.h on the CPU: memory from the system, copies that are memcpy.
#include "../device.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "context.h"
#include "parallel.h"

namespace netrt {
namespace {

constexpr size_t alignment = 256;
constexpr size_t huge_page = size_t{2} << 20;

/// A line "key   value kB" of /proc/meminfo in bytes; 0 where the file or the line is missing.
size_t meminfo_bytes(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(key + ":", 0) != 0) continue;
    return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
  }
  return 0;
}

/// What a container's limit (cgroup version 2) leaves; the largest number where there is no limit.
size_t container_bytes() {
  size_t limit = 0, used = 0;
  std::ifstream max_file("/sys/fs/cgroup/memory.max"), current_file("/sys/fs/cgroup/memory.current");
  if (!(max_file >> limit) || !(current_file >> used)) return SIZE_MAX;
  return limit > used ? limit - used : 0;
}

/// Bytes that can be used without swapping; 0 where the system does not say.
size_t available_bytes() {
  const size_t system = meminfo_bytes("MemAvailable");
  return system == 0 ? 0 : std::min(system, container_bytes());
}

[[noreturn]] void refuse(size_t needed, size_t available) {
  fail("not enough memory: needed " + std::to_string(needed) + " bytes, available " + std::to_string(available) + " bytes");
}

void* allocate(size_t bytes) {
  const size_t available = available_bytes();
  if (available != 0 && bytes > available) refuse(bytes, available);
  const size_t grain = bytes >= 8 * huge_page ? huge_page : alignment;
  void* data = nullptr;
  if (posix_memalign(&data, grain, std::max<size_t>(bytes, 1)) != 0) refuse(bytes, available);  // the bytes of the plan, not one more
  if (grain == huge_page) madvise(data, bytes, MADV_HUGEPAGE);  // advice: fewer TLB misses; a refusal changes nothing
  return data;
}

}  // namespace

void fail(const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", message.c_str());
  std::exit(1);
}

dnnl::engine& dnnl_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

void require_workspace(const char* kernel, size_t needed, const Workspace& workspace) {
  if (workspace.bytes >= needed) return;
  fail(std::string(kernel) + " needs a workspace of " + std::to_string(needed) + " bytes and got " + std::to_string(workspace.bytes));
}

void ContextDeleter::operator()(Context* context) const { delete context; }

ContextPtr make_context() {
  try {
    return ContextPtr(new Context);
  } catch (const dnnl::error& e) {
    fail(std::string("oneDNN cannot start: ") + e.what());
  }
}

RunState& run_state(Context& context) { return context.run; }

void* device_allocate(Context& context, size_t bytes) {
  void* data = allocate(bytes);
  context.allocated += bytes;
  return data;
}

void device_free(Context&, void* data) { std::free(data); }

size_t device_allocated(const Context& context) { return context.allocated; }

void upload(Context&, void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }

void download(Context&, void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }

// There is no second memory to copy from in the background: the copy is done when the call returns.
void upload_async(Context&, void* to, const void* from, size_t bytes) { std::memcpy(to, from, bytes); }

void upload_wait(Context&) {}

void* host_allocate(Context&, size_t bytes) { return allocate(bytes); }

void host_free(Context&, void* data) { std::free(data); }

void synchronize(Context& context) { context.stream.wait(); }

DeviceReport device_report(Context&) {
  const dnnl_version_t* version = dnnl_version();
  std::ostringstream library;
  library << "oneDNN " << version->major << '.' << version->minor << '.' << version->patch;
  const int threads = omp_get_max_threads();
  DeviceReport report;
  report.name = "CPU, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  report.library = library.str();
  report.free_now = available_bytes();
  report.total = meminfo_bytes("MemTotal");
  return report;
}

}  // namespace netrt
