// What a kernel call costs: floating-point operations, bytes moved, and the time of both on a device by the roofline model
// (Williams, Waterman and Patterson 2009).
#pragma once

#include "ir/graph.h"

namespace netc {

/// Of one call at one batch.
struct Cost {
  double flops = 0;  ///< a multiply-accumulate counts as two
  double bytes = 0;  ///< read and written, each operand once
};

/// What a device sustains.
struct Rates {
  double flops_per_second = 0;
  double bytes_per_second = 0;
};

/// Of the samples that the call runs on: what its Work says, and every operand read or written once, an updated one twice. A few operations an operand:
/// for use in a search. Workspaces count nothing.
Cost node_cost(const Graph& graph, const Node& node, int64_t batch);

/// The longer of the two: arithmetic, or moving the bytes.
double roofline_seconds(const Cost& cost, const Rates& rates);

}  // namespace netc
