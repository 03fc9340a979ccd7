// Every op's gradients against finite differences, on the CPU runtime, from the examples of its own row: the whole chain from the
// text to the kernels, through the plan that training would use.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "backend/interpret_executor.h"
#include "compiled.h"
#include "device.h"
#include "op_network.h"
#include "ops/table.h"

namespace netc {
namespace {

constexpr int64_t kBatch = 3;

/// One network under test: its loss as a function of the bytes in the arena, and the gradients its backward pass makes.
class Probe {
 public:
  explicit Probe(const std::string& text) : made_(compile_text(text)), plan_(plan_of(*made_.graph, cpu_target(), kBatch)), executor_(plan_.train, kBatch) {
    arena_ = static_cast<char*>(std::aligned_alloc(256, static_cast<size_t>(plan_.arena)));
    context_ = netrt::make_context();
    executor_.bind(arena_);
    fill();
  }
  ~Probe() { std::free(arena_); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Runs a step with rate 0. Gradients of parameters are copied as they are made: their bytes are used again.
  double run(std::map<std::string, std::vector<float>>* gradients = nullptr) {
    netrt::RunState& run = netrt::run_state(*context_);
    run.valid = kBatch;
    run.learning_rate = 0;
    auto* metrics = static_cast<netrt::Metrics*>(persistent(ValueKind::metrics));
    *metrics = {};
    Observer observer;
    observer.after = [&](size_t position) {
      if (!gradients || plan_.train.calls[position].phase != Phase::backward) return;
      for (int value : plan_.train.calls[position].outputs)
        if (value >= 0 && plan_.train.values[static_cast<size_t>(value)].kind == ValueKind::gradient) copy(value, *gradients);
    };
    executor_.run(*context_, Section::micro, observer);
    return metrics->loss_sum / metrics->samples;
  }

  /// The largest disagreement between a gradient and the slope of the loss, over some elements of every parameter, relative to
  /// the parameter's largest gradient. `where` names it.
  double worst(std::string& where) {
    std::map<std::string, std::vector<float>> gradients;
    run(&gradients);
    double worst = 0;
    for (int i = 0; i < plan_.persistent; ++i) {
      const PlannedValue& value = plan_.train.values[static_cast<size_t>(i)];
      if (value.kind != ValueKind::parameter) continue;
      const auto found = gradients.find(value.name + ".grad");
      INFO(value.name);
      REQUIRE(found != gradients.end());
      const double off = check(static_cast<float*>(executor_.pointer(i)), found->second);
      if (off > worst) worst = off, where = value.name;
    }
    return worst;
  }

 private:
  void copy(int value, std::map<std::string, std::vector<float>>& gradients) {
    const PlannedValue& planned = plan_.train.values[static_cast<size_t>(value)];
    const auto* data = static_cast<const float*>(executor_.pointer(value));
    gradients[planned.name].assign(data, data + elements(planned.type.shape).value());
  }

  double check(float* parameter, const std::vector<float>& gradient) {
    // Small enough for curvature not to matter, large enough for float32: the loss is a mean of O(1) summed in double.
    constexpr float kStep = 4e-3f;
    double largest = 1e-3;
    for (float g : gradient) largest = std::max(largest, std::abs(static_cast<double>(g)));
    double worst = 0;
    const size_t stride = std::max<size_t>(1, gradient.size() / 24);
    for (size_t i = 0; i < gradient.size(); i += stride) {
      const float kept = parameter[i];
      parameter[i] = kept + kStep;
      const double up = run();
      parameter[i] = kept - kStep;
      const double down = run();
      parameter[i] = kept;
      worst = std::max(worst, std::abs((up - down) / (2.0 * kStep) - gradient[i]) / largest);
    }
    return worst;
  }

  void* persistent(ValueKind kind) {
    for (int i = 0; i < plan_.persistent; ++i)
      if (plan_.train.values[static_cast<size_t>(i)].kind == kind) return executor_.pointer(i);
    FAIL("no such value");
    return nullptr;
  }

  /// Inputs spread over a few units, away from the kinks of activations; parameters of moderate size; labels in range.
  void fill() {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> wide(-2, 2), narrow(-0.6f, 0.6f);
    for (int i = 0; i < plan_.persistent; ++i) {
      const PlannedValue& value = plan_.train.values[static_cast<size_t>(i)];
      const int64_t count = elements(value.type.shape).value() * (value.type.batched ? kBatch : 1);
      if (value.type.dtype == DType::i32) {
        auto* label = static_cast<int32_t*>(executor_.pointer(i));
        for (int64_t j = 0; j < count; ++j) label[j] = static_cast<int32_t>(j % 3);
        continue;
      }
      if (value.type.dtype != DType::f32) continue;
      auto* data = static_cast<float*>(executor_.pointer(i));
      const bool gain = value.name.ends_with(".gamma") || value.name.ends_with(".running_var");
      for (int64_t j = 0; j < count; ++j)
        data[j] = value.kind == ValueKind::optimizer ? 0.0f : value.kind == ValueKind::input ? wide(random) : narrow(random) + (gain ? 1.2f : 0.0f);
      if (value.kind == ValueKind::input) spread(data, count);
    }
  }

  /// Inputs on a grid of equal steps, shuffled: no two are so close that a step of the check changes which of them is the largest.
  static void spread(float* data, int64_t count) {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return data[a] < data[b]; });
    for (size_t i = 0; i < order.size(); ++i) data[order[i]] = -2.0f + 4.0f * static_cast<float>(i) / static_cast<float>(count);
  }

  Compilation made_;
  Plan plan_;
  Executor executor_;
  char* arena_ = nullptr;
  netrt::ContextPtr context_;
};

}  // namespace

TEST_CASE("every op's gradients agree with finite differences") {
  for (const OpDef* op : op_table()) {
    REQUIRE_FALSE(op->examples.value.empty());
    for (const Example& example : op->examples.value) {
      const std::string text = network_around(*op, example);
      CAPTURE(op->name.value, example.source, text);
      Probe probe(text);
      std::string where;
      const double off = probe.worst(where);
      CAPTURE(where);
      CHECK(off < 2e-2);
    }
  }
}

}  // namespace netc
