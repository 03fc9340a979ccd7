// memory.md rule 9: free bytes hold a pattern, and every kernel may write its outputs and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace netc {

/// Watches one schedule over one arena. It compares the whole arena before and after each call, so it is for small networks.
class Guard {
 public:
  Guard(const Schedule& schedule, int64_t arena_bytes);

  /// Before call `position`: what is not live gets the pattern (0xff: a NaN in every float type), and a copy is taken.
  void before(size_t position, unsigned char* arena);
  /// After it: the first byte changed outside the call's outputs and workspace, as a sentence; empty if there is none.
  std::string after(size_t position, const unsigned char* arena) const;

 private:
  const Schedule& schedule_;
  int64_t arena_bytes_;
  std::vector<unsigned char> copy_;
};

}  // namespace netc
