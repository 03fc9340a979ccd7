// Which elements dropout keeps, for many elements at once.
#pragma once

#include "context.h"

namespace netrt {

/// The dropout of one layer in this micro-step.
class DropMask {
 public:
  DropMask(const Context& ctx, float p, int32_t stream);
  /// factors[i]: what element first + i is multiplied with, 0 or 1/(1-p).
  void factors(float* factors, int64_t first, int64_t count) const;

 private:
  uint64_t seed_, stream_;
  float p_, keep_;
};

}  // namespace netrt
