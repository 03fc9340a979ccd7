#include "estimate/library.h"

#include <fmt/format.h>

namespace netc {

int64_t library_bytes(const Gpu& gpu) { return int64_t{2048} * gpu.sms * threads_per_sm(gpu) + kLoadedKernels; }

LibraryShare library_share(std::string_view target, const Gpu* gpu) {
  if (target != "cuda") return {0, "its scratch is in the arena"};
  const bool named = gpu != nullptr;
  if (!named) gpu = &reference_gpu();
  return {library_bytes(*gpu), named ? std::string("context and kernels") : fmt::format("taken from a {}", gpu->name)};
}

}  // namespace netc
