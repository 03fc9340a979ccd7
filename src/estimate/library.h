// The share of device memory that is the libraries' own: context, handles, loaded kernels. An estimate, printed apart.
#pragma once

#include <string>
#include <string_view>

#include "estimate/gpus.h"

namespace netc {

/// Bytes of context and loaded kernels on that card, estimated: 2 KiB for every thread that can be resident (within 5 % of the bare
/// contexts published for Titan V, RTX 4060 Ti, RTX PRO 6000 and B200) plus kLoadedKernels.
int64_t library_bytes(const Gpu& gpu);

/// An allowance for lazily loaded kernels and library handles. Not derived: loaded kernels depend on the versions of the libraries.
constexpr int64_t kLoadedKernels = int64_t{192} << 20;

struct LibraryShare {
  int64_t bytes = 0;
  std::string text;  ///< where the number comes from, for people
};

/// For a plan of `target` ("cuda" or "cpu"; none on the CPU) on `gpu`, or on the reference card when that is null.
LibraryShare library_share(std::string_view target, const Gpu* gpu);

}  // namespace netc
