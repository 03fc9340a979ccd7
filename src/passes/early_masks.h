// The output of a relu that a call reads for the last time, but for the relu's own gradient: one bit an element can stand in from there on.
#pragma once

#include "ir/graph.h"

namespace netc {

/// Between the last other call that reads an activation's output in the backward pass and the activation's own gradient there may be calls that need
/// memory: the data gradient of the convolution behind a relu. Here the mask of the output (act_mask) is made before them, and the gradient is taken from
/// it, so that the output need not live through them. The gradient is the same to the last bit; it costs reading the output once more. Done for outputs
/// of at least `least_bytes` a sample. The number of outputs it was done for. `graph` has been differentiated.
int mask_early(Graph& graph, int64_t least_bytes);

/// Bytes a sample of the largest output it could be done for; 0 if there is none.
int64_t largest_maskable(const Graph& graph);

}  // namespace netc
