// First values of parameters, running statistics and optimiser state.
#pragma once

#include <cstdint>

#include "program.h"

namespace netrt {

/// Values first..first+count-1 of a tensor. They depend on the seed and the tensor's name alone, not on the order of tensors.
/// Normal numbers by Box and Muller (Ann. Math. Stat. 29, 1958). `first` must be a multiple of 4.
void initial_values(const Tensor&, uint64_t seed, int64_t first, int64_t count, float* to);

/// Fills one tensor of the arena.
void initialize(Context&, char* arena, const Tensor&, uint64_t seed);

/// Number of a tensor's elements.
int64_t element_count(const Tensor&);

}  // namespace netrt
