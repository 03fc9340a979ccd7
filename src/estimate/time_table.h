// What a training step takes in time at least, layer by layer, by the roofline model (plan/cost.h).
#pragma once

#include <vector>

#include "estimate/gpus.h"
#include "ir/graph.h"

namespace netc {

/// Of several calls, one after the other.
struct CallsTime {
  Cost cost;
  double seconds = 0;
  double moving = 0;  ///< of `seconds`, those of calls that take longer to move their operands than to compute

  void add(const CallsTime& other);
};

struct LayerTime {
  CallsTime forward;
  CallsTime backward;  ///< with updates, and with what is made again for the backward pass
};

/// What binds a layer for the larger part of its time: "arithmetic", "memory", or "-" where it has no calls.
std::string_view bound_by(const LayerTime& time);

struct TimeTable {
  const Gpu* gpu = nullptr;
  std::vector<LayerTime> layers;  ///< the input first, then graph.layers
  LayerTime sum;
  double samples_per_second = 0;

  double seconds() const { return sum.forward.seconds + sum.backward.seconds; }
};

/// Of a whole training step, all its micro-steps of `batch` samples, or with `training` false of one evaluation batch.
TimeTable make_time_table(const Graph& graph, bool training, int64_t batch, const Gpu& gpu);

}  // namespace netc
