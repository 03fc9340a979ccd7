// memory.md rule 9: free bytes hold a pattern, and every kernel may write its outputs and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan.h"

namespace netc {

/// Watches one schedule over one arena. While a kernel runs, the pages it has no business writing are read-only: a write there ends
/// the program with a message. What shares a page with an output is compared before and after.
class Guard {
 public:
  /// The schedule is one of a plan at a batch of `batch` samples.
  Guard(const Schedule& schedule, int64_t arena_bytes, int64_t batch);

  /// Before call `position`: buffers that died or are not written yet get the pattern (0xff: a NaN in every float type), and
  /// everything but the call's outputs and scratch is made read-only.
  void before(size_t position, unsigned char* arena);
  /// After it: what was changed beside an output, as a sentence; empty if nothing. The arena is writable again.
  std::string after(size_t position, unsigned char* arena);

 private:
  struct Range {
    int64_t begin, end;
  };
  struct Kept {
    Range range;
    std::vector<unsigned char> bytes;
  };

  std::vector<Range> allowed(size_t position) const;
  void keep(Range range, const unsigned char* arena);
  std::string owner(size_t position, int64_t at) const;

  const Schedule& schedule_;
  int64_t arena_bytes_, batch_;
  std::vector<std::vector<int>> born_, dead_;  ///< by position: buffers whose life begins there, or ended just before it
  std::vector<Kept> kept_;                     ///< bytes beside outputs on their pages
};

}  // namespace netc
