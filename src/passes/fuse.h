// Lets layers share work before autodiff decides what to keep.
#pragma once

#include "ir/graph.h"

namespace netc {

/// Sets Graph::order and, in this order:
///  - lets a relu that only a max-pool reads run after it: the result is the same (max and relu commute, and a
///    gradient that meets a tie of zeros dies in the relu either way), on a tensor a quarter the size;
///  - runs an activation inside the layer before it where that costs no memory: always for ops that undo it from
///    what they keep (bn), for the others where the activation's output is kept by a later layer anyway.
/// Layer::shape keeps the shapes as written.
void fuse(Graph& graph);

}  // namespace netc
