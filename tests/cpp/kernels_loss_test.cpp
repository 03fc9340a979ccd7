// Losses and their metrics; sums, clipping and updates against formulas in double; the device's memory.
#include <sys/wait.h>
#include <unistd.h>

#include "kernel_checks.h"

namespace {

using namespace kernel_checks;
using netrt::LossDesc;
using netrt::Metrics;

/// Sets the run's state for one test.
struct State {
  netrt::RunState kept = netrt::run_state(context());
  netrt::RunState& now = netrt::run_state(context());
  ~State() { now = kept; }
};

/// Runs body in a child process; its exit status and what it wrote on standard error.
template <class Body>
std::pair<int, std::string> in_child(const Body& body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

/// Mean loss of `valid` samples, by the kernel that only evaluates.
template <class Target, class Evaluate>
double mean_loss(const Floats& scores, const std::vector<Target>& target, const LossDesc& d, const Evaluate& evaluate) {
  Metrics metrics{};
  evaluate(context(), &metrics, scores.data(), target.data(), d);
  return metrics.loss_sum / metrics.samples;
}

template <class Target, class Loss, class Evaluate>
void check_loss(Floats scores, const std::vector<Target>& target, const LossDesc& d, const Loss& loss, const Evaluate& evaluate) {
  Guarded<float> in_place(scores);
  Metrics trained{1, 2, 3}, evaluated{1, 2, 3};
  loss(context(), in_place.data(), &trained, in_place.data(), target.data(), d);
  evaluate(context(), &evaluated, scores.data(), target.data(), d);
  CHECK(std::memcmp(&trained, &evaluated, sizeof trained) == 0);
  CHECK(trained.samples == 3 + netrt::run_state(context()).valid);
  check_gradient(scores, in_place.values(), [&] { return mean_loss(scores, target, d, evaluate) / d.micro_steps; });
}

}  // namespace

TEST_CASE("softmax cross-entropy equals PyTorch's, with smoothing, padding samples and several rows a sample", "[kernels]") {
  State state;
  for (const LossDesc& d : {LossDesc{8, 1, 10, 1, 0.0f}, LossDesc{5, 3, 4, 2, 0.1f}, LossDesc{70, 40, 3, 1, 0.2f}}) {
    for (const int valid : {int(d.n), d.n / 2 + 1, 1}) {
      state.now.valid = valid;
      const int rows = d.n * d.rows_per_sample;
      Floats scores = random_floats(size_t(rows) * d.cols, 1, -4, 4);
      std::vector<int32_t> label(rows);
      for (int i = 0; i < rows; ++i) label[i] = i < valid * d.rows_per_sample ? (i * 7 + i / 3) % d.cols : -1;  // padding has no label
      double expected = 0, correct = 0;
      for (int row = 0; row < valid * d.rows_per_sample; ++row) {
        const float* x = scores.data() + row * d.cols;
        double sum = 0;
        for (int j = 0; j < d.cols; ++j) sum += std::exp(double(x[j]));
        for (int j = 0; j < d.cols; ++j) expected -= (d.smooth / d.cols + (j == label[row] ? 1 - d.smooth : 0)) * (x[j] - std::log(sum));
        correct += std::max_element(x, x + d.cols) - x == label[row];
      }
      Metrics metrics{};
      loss_softmax_evaluate(context(), &metrics, scores.data(), label.data(), d);
      CHECK(metrics.loss_sum == Approx(expected / d.rows_per_sample).epsilon(1e-5));
      CHECK(metrics.correct == Approx(correct / d.rows_per_sample));
      check_loss(scores, label, d, netrt::loss_softmax, netrt::loss_softmax_evaluate);
    }
  }
}

TEST_CASE("binary cross-entropy and squared error", "[kernels]") {
  State state;
  const LossDesc d{7, 30, 3, 2, 0.0f};
  for (const int valid : {7, 4}) {
    state.now.valid = valid;
    const size_t count = size_t(d.n) * d.rows_per_sample * d.cols, counted = size_t(valid) * d.rows_per_sample * d.cols;
    const Floats scores = random_floats(count, 1, -4, 4), values = random_floats(count, 2);
    Floats bits = values;
    for (float& v : bits) v = v > 0 ? 1.0f : 0.0f;
    double bce = 0, right = 0, mse = 0;
    for (size_t i = 0; i < counted; ++i) {
      const double p = 1 / (1 + std::exp(-double(scores[i])));
      bce -= bits[i] * std::log(p) + (1 - bits[i]) * std::log(1 - p);
      right += (scores[i] > 0) == (bits[i] > 0.5f);
      mse += (double(scores[i]) - values[i]) * (double(scores[i]) - values[i]);
    }
    CHECK(mean_loss(scores, bits, d, netrt::loss_bce_evaluate) == Approx(bce / double(counted)).epsilon(1e-5));
    CHECK(mean_loss(scores, values, d, netrt::loss_mse_evaluate) == Approx(mse / double(counted)).epsilon(1e-5));
    Metrics metrics{};
    loss_bce_evaluate(context(), &metrics, scores.data(), bits.data(), d);
    CHECK(metrics.correct / metrics.samples == Approx(right / double(counted)));
    check_loss(scores, bits, d, netrt::loss_bce, netrt::loss_bce_evaluate);
    check_loss(scores, values, d, netrt::loss_mse, netrt::loss_mse_evaluate);
  }
}

TEST_CASE("a batch without valid samples has no loss and no gradient", "[kernels]") {
  State state;
  state.now.valid = 0;
  Floats scores(12, 1.0f);
  const std::vector<int32_t> label(3, -1);
  Metrics metrics{};
  loss_softmax(context(), scores.data(), &metrics, scores.data(), label.data(), {3, 1, 4, 1, 0.0f});
  CHECK(scores == Floats(12, 0.0f));
  CHECK((metrics.loss_sum == 0 && metrics.samples == 0));
}

TEST_CASE("sums of squares, clipping, accumulation and clearing", "[kernels]") {
  for (const int64_t count : {int64_t{1}, int64_t{63}, int64_t{100001}}) {
    const Floats g = random_floats(count, 1), more = random_floats(count, 2);
    double sum = 4, expected = 4;
    for (const float v : g) expected += double(v) * v;
    square_sum(context(), &sum, g.data(), {count});
    CHECK(sum == Approx(expected).epsilon(1e-12));
    Guarded<float> clipped(g), kept(g), added(g);
    clip_scale(context(), clipped.data(), &sum, {count, 0.5f});
    clip_scale(context(), kept.data(), &sum, {count, 1e6f});
    CHECK(same_bits(kept.values(), g));
    accumulate(context(), added.data(), more.data(), {count});
    std::vector<double> small, total;
    for (int64_t i = 0; i < count; ++i) {
      small.push_back(g[i] * 0.5 / (std::sqrt(expected) + 1e-6));
      total.push_back(double(g[i]) + more[i]);
    }
    check_close(clipped.values(), small, 1e-6);
    check_close(added.values(), total, 1e-6);
    zero_fill(context(), added.data(), {count * 4 - 1});
    const Floats cleared = added.values();
    CHECK(std::count(cleared.begin(), cleared.end() - 1, 0.0f) == count - 1);
  }
}

TEST_CASE("updates are PyTorch's", "[kernels]") {
  State state;
  state.now.learning_rate = 0.1f;
  const int64_t count = 20011;
  for (const float decay : {0.0f, 0.01f}) {
    for (const bool variant : {false, true}) {
      const Floats start = random_floats(count, 1);
      Guarded<float> sgd(start), plain(start), adam(start), rms(start), rms_plain(start);
      Guarded<float> m(Floats(count, 0.0f)), am(Floats(count, 0.0f)), av(Floats(count, 0.0f)), rv(Floats(count, 0.0f)), rm(Floats(count, 0.0f)),
          pv(Floats(count, 0.0f));
      std::vector<double> w1(start.begin(), start.end()), w2 = w1, w3 = w1, w4 = w1, w5 = w1;
      std::vector<double> m1(count), m3(count), v3(count), v4(count), m4(count), v5(count);
      for (int step = 1; step <= 3; ++step) {
        state.now.step = step;
        const Floats g = random_floats(count, uint32_t(10 + step));
        sgd_update(context(), sgd.data(), m.data(), g.data(), {count, 0.9f, decay, variant});
        sgd_update(context(), plain.data(), nullptr, g.data(), {count, 0, decay, 0});
        adam_update(context(), adam.data(), am.data(), av.data(), g.data(), {count, 0.9f, 0.999f, 1e-8f, decay, variant});
        rmsprop_update(context(), rms.data(), rv.data(), rm.data(), g.data(), {count, 0.99f, 1e-8f, 0.9f, decay});
        rmsprop_update(context(), rms_plain.data(), pv.data(), nullptr, g.data(), {count, 0.99f, 1e-8f, 0, decay});
        for (int64_t i = 0; i < count; ++i) {
          const double g1 = g[i] + decay * w1[i];
          m1[i] = 0.9 * m1[i] + g1;
          w1[i] -= 0.1 * (variant ? g1 + 0.9 * m1[i] : m1[i]);
          w2[i] -= 0.1 * (g[i] + decay * w2[i]);
          const double g3 = g[i] + (variant ? 0 : decay * w3[i]);
          if (variant) w3[i] *= 1 - 0.1 * decay;
          m3[i] = 0.9 * m3[i] + 0.1 * g3;
          v3[i] = 0.999 * v3[i] + 0.001 * g3 * g3;
          w3[i] -= 0.1 * (m3[i] / (1 - std::pow(0.9, step))) / (std::sqrt(v3[i] / (1 - std::pow(0.999, step))) + 1e-8);
          const double g4 = g[i] + decay * w4[i];
          v4[i] = 0.99 * v4[i] + 0.01 * g4 * g4;
          m4[i] = 0.9 * m4[i] + g4 / (std::sqrt(v4[i]) + 1e-8);
          w4[i] -= 0.1 * m4[i];
          const double g5 = g[i] + decay * w5[i];
          v5[i] = 0.99 * v5[i] + 0.01 * g5 * g5;
          w5[i] -= 0.1 * g5 / (std::sqrt(v5[i]) + 1e-8);
        }
      }
      check_close(sgd.values(), w1, 1e-5);
      check_close(plain.values(), w2, 1e-5);
      check_close(adam.values(), w3, 1e-4);
      check_close(rms.values(), w4, 1e-4);
      check_close(rms_plain.values(), w5, 1e-4);
    }
  }
}

TEST_CASE("memory is aligned, counted and copied", "[kernels]") {
  netrt::Context& ctx = context();
  const size_t before = device_allocated(ctx);
  const Floats values = random_floats(1000, 1);
  void* data = device_allocate(ctx, 4000);
  CHECK(device_allocated(ctx) == before + 4000);
  CHECK(reinterpret_cast<uintptr_t>(data) % 256 == 0);
  void* large = device_allocate(ctx, (size_t{32} << 20) + 1);
  CHECK(reinterpret_cast<uintptr_t>(large) % 256 == 0);
  device_free(ctx, large);
  upload(ctx, data, values.data(), 4000);
  Floats back(1000);
  download(ctx, back.data(), data, 4000);
  CHECK(back == values);
  void* host = host_allocate(ctx, 100);
  std::memcpy(host, values.data(), 100);
  upload_async(ctx, static_cast<char*>(data) + 400, host, 100);
  upload_wait(ctx);
  synchronize(ctx);
  CHECK(std::memcmp(static_cast<char*>(data) + 400, values.data(), 100) == 0);
  host_free(ctx, host);
  device_free(ctx, data);
  const netrt::DeviceReport report = device_report(ctx);
  CHECK(report.name.rfind("CPU, ", 0) == 0);
  CHECK(report.library.rfind("oneDNN ", 0) == 0);
  CHECK((report.total > 0 && report.free_now > 0 && report.free_now <= report.total));
}

TEST_CASE("a label that is no class, a workspace too small and too much memory end the program and say so", "[kernels]") {
  State state;
  state.now.valid = 3;
  const auto label = in_child([] {
    Floats scores(12);
    const std::vector<int32_t> labels = {0, 4, -1};
    Metrics metrics{};
    loss_softmax(context(), scores.data(), &metrics, scores.data(), labels.data(), {3, 1, 4, 1, 0.0f});
  });
  CHECK(label.first == 1);
  CHECK(label.second == "error: label 4 of row 1 of the batch is not a class: there are 4 (0 to 3)\n");
  const auto workspace = in_child([] {
    Floats x(40);
    scale_backward_weights(context(), x.data(), x.data(), x.data(), {10, 4}, {});
  });
  CHECK(workspace.first == 1);
  CHECK(workspace.second == "error: scale_backward_weights needs a workspace of 16 bytes and got 0\n");
  const auto memory = in_child([] { device_allocate(context(), size_t{1} << 60); });
  CHECK(memory.first == 1);
  CHECK(memory.second.rfind("error: not enough memory: needed 1152921504606846976 bytes, available ", 0) == 0);
}
