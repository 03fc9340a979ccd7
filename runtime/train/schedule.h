// The learning rate of every step.
#pragma once

#include <cstdint>

#include "program.h"

namespace netrt {

/// A TrainSpec's schedule in steps.
struct Schedule {
  enum Kind { constant, step, cosine, linear } kind = constant;
  double base = 0;    ///< the rate after the warmup
  double every = 1;   ///< step: steps between two multiplications
  double factor = 0;  ///< step: the multiplier; cosine, linear: the last rate as a share of `base`
  double warmup = 0;  ///< steps
  double total = 0;   ///< steps
};

/// Converts to steps: the spec's numbers are epochs of `steps_per_epoch` steps, or steps where it has `steps`.
Schedule make_schedule(const TrainSpec&, double base, int64_t steps_per_epoch, int64_t total_steps);

/// The rate of step `step`, counted from 1. With t = step - 1 steps behind it, W of warmup and T in all:
/// t < W: base (t + 1) / W; step: base factor^floor(t / every); with p = (t - W) / (T - W)
/// cosine: base (factor + (1 - factor) (1 + cos(pi p)) / 2) (Loshchilov and Hutter, "SGDR", 2017, without restarts);
/// linear: base (1 - (1 - factor) p).
float learning_rate(const Schedule&, int64_t step);

}  // namespace netrt
