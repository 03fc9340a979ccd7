// Runs training steps of a plan inside a test, on numbers that depend only on the network.
#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backend/guard.h"
#include "backend/interpret_executor.h"
#include "compiled.h"
#include "device.h"

namespace netc {

class Stepper {
 public:
  Stepper(const Graph& graph, int64_t batch) : graph_(graph), plan_(plan_of(graph, cpu_target(), batch)), train_(plan_.train, batch), evaluate_(plan_.evaluate, batch) {
    arena_ = static_cast<char*>(std::aligned_alloc(4096, static_cast<size_t>((plan_.arena + 4095) / 4096 * 4096)));
    context_ = netrt::make_context();
    train_.bind(arena_);
    evaluate_.bind(arena_);
    fill();
  }
  ~Stepper() { std::free(arena_); }
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  /// The loss of one step. `guarded`: no call writes anything but its outputs.
  double step(bool guarded = false) {
    netrt::RunState& run = netrt::run_state(*context_);
    run.valid = static_cast<int32_t>(plan_.batch);
    run.learning_rate = 0.05f;
    auto* metrics = static_cast<netrt::Metrics*>(first(ValueKind::metrics));
    *metrics = {};
    Observer observer;
    Guard guard(plan_.train, plan_.arena, plan_.batch);
    auto* bytes = reinterpret_cast<unsigned char*>(arena_);
    if (guarded) {
      observer.before = [&](size_t position) { guard.before(position, bytes); };
      observer.after = [&](size_t position) { CHECK(guard.after(position, bytes) == ""); };
    }
    train_.run(*context_, Section::begin, observer);
    for (int64_t i = 0; i < graph_.train.micro_steps; ++i) {
      train_.run(*context_, Section::micro, observer);
      ++run.micro_step;
    }
    train_.run(*context_, Section::update, observer);
    ++run.step;
    return metrics->loss_sum / metrics->samples;
  }

  /// The loss of the batch in evaluation.
  double evaluate() {
    auto* metrics = static_cast<netrt::Metrics*>(first(ValueKind::metrics));
    *metrics = {};
    evaluate_.run(*context_, Section::micro);
    return metrics->loss_sum / metrics->samples;
  }

  /// Every parameter by name.
  std::map<std::string, std::vector<float>> parameters() const {
    std::map<std::string, std::vector<float>> all;
    for (int i = 0; i < plan_.persistent; ++i) {
      const PlannedValue& value = plan_.train.values[static_cast<size_t>(i)];
      const auto* data = static_cast<const float*>(train_.pointer(i));
      if (value.kind == ValueKind::parameter) all[value.name].assign(data, data + elements(value.type.shape).value());
    }
    return all;
  }

  const Plan& plan() const { return plan_; }

 private:
  void* first(ValueKind kind) {
    for (int i = 0; i < plan_.persistent; ++i)
      if (plan_.train.values[static_cast<size_t>(i)].kind == kind) return train_.pointer(i);
    FAIL("no such value");
    return nullptr;
  }

  /// Inputs of a few units, parameters of moderate size, gains around 1, labels in range.
  void fill() {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> unit(-1, 1);
    for (int i = 0; i < plan_.persistent; ++i) {
      const PlannedValue& value = plan_.train.values[static_cast<size_t>(i)];
      const int64_t count = elements(value.type.shape).value() * (value.type.batched ? plan_.batch : 1);
      auto* labels = static_cast<int32_t*>(train_.pointer(i));
      auto* data = static_cast<float*>(train_.pointer(i));
      const bool gain = value.name.ends_with(".gamma") || value.name.ends_with(".running_var");
      const Shape& shape = value.type.shape;
      const double fan_in = shape.size() > 1 ? static_cast<double>(count) / static_cast<double>(shape[0]) : 100;
      const float spread = value.kind == ValueKind::input ? 2 : value.kind == ValueKind::parameter ? static_cast<float>(std::sqrt(3 / fan_in)) : 0;
      for (int64_t j = 0; j < count; ++j) {
        if (value.type.dtype == DType::i32) labels[j] = static_cast<int32_t>(random() % 3);
        if (value.type.dtype == DType::f32) data[j] = spread * unit(random) + (gain ? 1.0f : 0.0f);
      }
    }
  }

  const Graph& graph_;
  const Plan plan_;
  Executor train_, evaluate_;
  char* arena_ = nullptr;
  netrt::ContextPtr context_;
};

}  // namespace netc
