#include "schedule.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace netrt {

Schedule make_schedule(const TrainSpec& spec, double base, int64_t steps_per_epoch, int64_t total_steps) {
  const double unit = spec.steps > 0 ? 1.0 : static_cast<double>(steps_per_epoch);
  const std::string name = spec.schedule;
  Schedule schedule;
  if (name == "step") {
    schedule.kind = Schedule::step;
  } else if (name == "cosine") {
    schedule.kind = Schedule::cosine;
  } else if (name == "linear") {
    schedule.kind = Schedule::linear;
  } else if (name != "constant") {
    fail("no schedule is called \"" + name + "\"; known are constant, step, cosine and linear");
  }
  schedule.base = base;
  schedule.every = std::max(spec.schedule_every * unit, 1.0);
  schedule.factor = spec.schedule_factor;
  schedule.warmup = spec.warmup * unit;
  schedule.total = static_cast<double>(total_steps);
  return schedule;
}

float learning_rate(const Schedule& schedule, int64_t step) {
  constexpr double kPi = 3.141592653589793;
  const double t = static_cast<double>(step - 1);
  if (t < schedule.warmup) return static_cast<float>(schedule.base * std::min(1.0, (t + 1) / schedule.warmup));
  const double span = schedule.total - schedule.warmup;
  const double part = span > 0 ? std::clamp((t - schedule.warmup) / span, 0.0, 1.0) : 1.0;
  double share = 1;
  switch (schedule.kind) {
    case Schedule::constant: break;
    case Schedule::step: share = std::pow(schedule.factor, std::floor(t / schedule.every)); break;
    case Schedule::cosine: share = schedule.factor + (1 - schedule.factor) * 0.5 * (1 + std::cos(kPi * part)); break;
    case Schedule::linear: share = 1 - (1 - schedule.factor) * part; break;
  }
  return static_cast<float>(schedule.base * share);
}

}  // namespace netrt
