// The training loop, with a linear softmax classifier written by hand as the network.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <functional>
#include <random>
#include <sstream>

#include "data_samples.h"
#include "kernels.h"
#include "train/loader.h"

using namespace samples;
using Catch::Matchers::Contains;
using netrt::Context;
using netrt::ProgramSpec;
using netrt::RunState;

namespace {

constexpr int kBatch = 8, kFeatures = 6, kClasses = 3;

/// 100 training and 21 test samples: noise, with one of the first three features raised for the class.
void write_data(const std::string& dir) {
  std::mt19937 random(5);
  for (const auto& [split, count] : {std::pair("train", 100), std::pair("test", 21)}) {
    std::vector<float> x;
    std::vector<int32_t> y;
    for (int i = 0; i < count; ++i) {
      y.push_back(i % kClasses);
      for (int f = 0; f < kFeatures; ++f) x.push_back(static_cast<float>(random() % 1000) / 1000 + (f == i % kClasses ? 0.6f : 0.0f));
    }
    write_file(dir + "/x_" + split + ".npy", npy("<f4", "(" + std::to_string(count) + ", 6)", x));
    write_file(dir + "/y_" + split + ".npy", npy("<i4", "(" + std::to_string(count) + ",)", y));
  }
}

/// The classifier: its place in the arena, its four functions, and what it saw of the run.
class Classifier {
 public:
  explicit Classifier(int slots) : slots_(slots) {}

  ProgramSpec spec() const {
    ProgramSpec spec{};
    spec.network = "classifier";
    spec.command = "netc --emit-cpu classifier.net";
    spec.loss = "softmax";
    spec.arena_bytes = 4096;
    spec.slots = slots_;
    spec.input_offset = 1024;
    spec.input_bytes = kBatch * kFeatures * 4;
    spec.label_offset = 2048;
    spec.label_bytes = kBatch * 4;
    spec.metrics_offset = 3072;
    spec.tensors = {{"fc.w", netrt::Tensor::parameter, 0, {kClasses, kFeatures}, netrt::InitKind::uniform, 0.1},
                    {"fc.w.m", netrt::Tensor::optimizer, 256, {kClasses, kFeatures}, netrt::InitKind::constant, 0}};
    spec.data = data_spec("npy", 1, 1, kFeatures, kClasses);
    spec.train = {0.5, "constant", 0, 1, 0, kBatch, 1, 4, 0, 1, 0, 1};
    return spec;
  }

  netrt::Steps steps() {
    netrt::Steps steps;
    steps.bind = [this](Context&, char* arena) { arena_ = arena; };
    steps.begin = [this](Context&) { std::fill(gradient_, gradient_ + kClasses * kFeatures, 0.0f); };
    steps.micro = [this](Context& ctx, int slot) {
      seen.push_back(netrt::run_state(ctx));
      pass(ctx, slot, true);
      if (in_micro) in_micro(ctx);
    };
    steps.update = [this](Context& ctx) {
      float *w = reinterpret_cast<float*>(arena_), *m = reinterpret_cast<float*>(arena_ + 256);
      for (int i = 0; i < kClasses * kFeatures; ++i) {
        m[i] = 0.9f * m[i] + gradient_[i];
        w[i] -= netrt::run_state(ctx).learning_rate * m[i];
      }
    };
    steps.evaluate = [this](Context& ctx, int slot) {
      valid_seen.push_back(netrt::run_state(ctx).valid);
      pass(ctx, slot, false);
    };
    return steps;
  }

  std::vector<RunState> seen;
  std::vector<int> valid_seen;
  std::function<void(Context&)> in_micro;

 private:
  /// Scores, loss and, in training, the gradient of the mean loss.
  void pass(Context& ctx, int slot, bool training) {
    const float* x = reinterpret_cast<const float*>(arena_ + 1024 + 256 * slot);
    const int32_t* label = reinterpret_cast<const int32_t*>(arena_ + 2048 + 256 * slot);
    const float* w = reinterpret_cast<const float*>(arena_);
    auto* metrics = reinterpret_cast<netrt::Metrics*>(arena_ + 3072);
    const int valid = netrt::run_state(ctx).valid;
    for (int row = 0; row < valid; ++row) {
      float p[kClasses], sum = 0;
      for (int k = 0; k < kClasses; ++k) {
        float score = 0;
        for (int f = 0; f < kFeatures; ++f) score += w[k * kFeatures + f] * x[row * kFeatures + f];
        p[k] = std::exp(score);
        sum += p[k];
      }
      metrics->loss_sum -= std::log(static_cast<double>(p[label[row]] / sum));
      metrics->correct += std::max_element(p, p + kClasses) - p == label[row] ? 1 : 0;
      metrics->samples += 1;
      for (int k = 0; training && k < kClasses; ++k) {
        const float slope = (p[k] / sum - (k == label[row] ? 1.0f : 0.0f)) / static_cast<float>(valid);
        for (int f = 0; f < kFeatures; ++f) gradient_[k * kFeatures + f] += slope * x[row * kFeatures + f];
      }
    }
  }

  int slots_;
  char* arena_ = nullptr;
  float gradient_[kClasses * kFeatures] = {};
};

int run(const ProgramSpec& spec, Classifier& net, std::vector<std::string> words) {
  words.insert(words.begin(), {"classifier", "--quiet"});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return netrt::train_main(spec, net.steps(), static_cast<int>(argv.size()), argv.data());
}

/// The rows of a CSV log without their last column, the speed.
std::vector<std::string> log_rows(const std::string& file) {
  std::istringstream in(read_file(file));
  std::vector<std::string> rows;
  for (std::string line; std::getline(in, line);) rows.push_back(line.substr(0, line.rfind(',')));
  return rows;
}

double column(const std::string& row, int index) {
  std::istringstream in(row);
  std::string cell;
  for (int i = 0; i <= index; ++i) std::getline(in, cell, ',');
  return cell.empty() ? -1 : std::stod(cell);
}

/// The numbers of a checkpoint, without its metadata.
std::string tensors(const std::string& file) {
  const std::string bytes = read_file(file);
  return bytes.substr(bytes.size() - 2 * 4 * kClasses * kFeatures);
}

}  // namespace

TEST_CASE("the loop trains, evaluates the whole test split and logs", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  const int slots = GENERATE(1, 2);
  Classifier net(slots);
  REQUIRE(run(net.spec(), net, {"--data", dir.path(), "--log", dir / "log.csv", "--epochs", "6"}) == 0);
  const std::vector<std::string> rows = log_rows(dir / "log.csv");
  REQUIRE(rows.size() == 7);
  CHECK(rows[0] == "epoch,step,loss,accuracy,test_loss,test_accuracy");
  CHECK(column(rows[1], 1) == 12);  // 100 samples, 12 whole batches of 8
  CHECK(column(rows[6], 1) == 72);
  CHECK(column(rows[6], 2) < column(rows[1], 2));
  CHECK(column(rows[6], 5) > 0.8);
  CHECK(std::abs(column(rows[6], 5) * 21 - std::round(column(rows[6], 5) * 21)) < 1e-6);
  CHECK(net.valid_seen.size() == 6 * 3);
  CHECK((net.valid_seen[0] == 8 && net.valid_seen[1] == 8 && net.valid_seen[2] == 5));
}

TEST_CASE("runs are the same bit for bit, whatever the number of slots, and differ with the seed", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  Classifier a(1), b(1), c(2), d(1);
  const std::vector<std::string> words = {"--data", dir.path(), "--log-steps", "--log"};
  const auto with = [&](const std::string& name, const std::string& seed) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {dir / (name + ".csv"), "--save", dir / name, "--seed", seed});
    return all;
  };
  REQUIRE(run(a.spec(), a, with("a", "1")) == 0);
  REQUIRE(run(b.spec(), b, with("b", "1")) == 0);
  REQUIRE(run(c.spec(), c, with("c", "1")) == 0);
  REQUIRE(run(d.spec(), d, with("d", "2")) == 0);
  CHECK(log_rows(dir / "a.csv").size() == 1 + 4 * 13);
  CHECK(log_rows(dir / "a.csv") == log_rows(dir / "b.csv"));
  CHECK(log_rows(dir / "a.csv") == log_rows(dir / "c.csv"));
  CHECK(log_rows(dir / "a.csv") != log_rows(dir / "d.csv"));
  CHECK(read_file(dir / "a") == read_file(dir / "b"));
  CHECK(read_file(dir / "a") == read_file(dir / "c"));
  CHECK(tensors(dir / "a") != tensors(dir / "d"));
}

TEST_CASE("a run that goes on from a checkpoint is the run that was never stopped", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  Classifier whole(1), first(1), second(2);
  REQUIRE(run(whole.spec(), whole, {"--data", dir.path(), "--save", dir / "whole"}) == 0);
  const std::string steps = GENERATE("12", "19", "1");  // at the end of an epoch, and inside
  REQUIRE(run(first.spec(), first, {"--data", dir.path(), "--save", dir / "half", "--steps", steps}) == 0);
  REQUIRE(run(second.spec(), second, {"--data", dir.path(), "--load", dir / "half", "--save", dir / "rest"}) == 0);
  CHECK(tensors(dir / "whole") != tensors(dir / "half"));
  CHECK(tensors(dir / "whole") == tensors(dir / "rest"));
  CHECK(static_cast<int>(second.seen.size()) == 48 - std::stoi(steps));
  CHECK(run(second.spec(), second, {"--data", dir.path(), "--load", dir / "half", "--seed", "9"}) == 1);
  CHECK(run(second.spec(), second, {"--data", dir.path(), "--load", dir / "x_train.npy"}) == 1);
}

TEST_CASE("Ctrl-C ends the step, saves and exits with 130", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  Classifier whole(1), first(2), second(1);
  REQUIRE(run(whole.spec(), whole, {"--data", dir.path(), "--save", dir / "whole"}) == 0);
  first.in_micro = [](Context& ctx) {
    if (netrt::run_state(ctx).step == 17) std::raise(SIGINT);
  };
  CHECK(run(first.spec(), first, {"--data", dir.path(), "--save", dir / "part"}) == 130);
  CHECK(first.seen.size() == 17);
  REQUIRE(run(second.spec(), second, {"--data", dir.path(), "--load", dir / "part", "--save", dir / "rest"}) == 0);
  CHECK(read_file(dir / "whole") == read_file(dir / "rest"));
}

TEST_CASE("kernels see steps and micro-steps from 1, full batches and the schedule's rate", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  Classifier net(2);
  ProgramSpec spec = net.spec();
  spec.train.micro_steps = 3;
  spec.train.schedule = "linear";
  spec.train.schedule_factor = 0;
  spec.train.seed = 77;
  REQUIRE(run(spec, net, {"--data", dir.path(), "--epochs", "2", "--lr", "0.8"}) == 0);  // 4 steps of 24 samples an epoch
  REQUIRE(net.seen.size() == 24);
  for (size_t i = 0; i < net.seen.size(); ++i) {
    const RunState& state = net.seen[i];
    CHECK(state.seed == 77);
    CHECK(state.micro_step == static_cast<int64_t>(i) + 1);
    CHECK(state.step == static_cast<int64_t>(i) / 3 + 1);
    CHECK(state.valid == kBatch);
    CHECK(state.learning_rate == Approx(0.8 * (1 - static_cast<double>(i / 3) / 8)));
  }
}

TEST_CASE("each epoch sees every sample once, in an order of its own", "[loop]") {
  const std::vector<int64_t> one = netrt::shuffled(1000, 1, 0), two = netrt::shuffled(1000, 1, 1);
  CHECK(one == netrt::shuffled(1000, 1, 0));
  CHECK(one != two);
  CHECK(one != netrt::shuffled(1000, 2, 0));
  std::vector<int64_t> sorted = one;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1000; ++i) REQUIRE(sorted[static_cast<size_t>(i)] == i);
  int64_t fixed = 0;
  for (int64_t i = 0; i < 1000; ++i) fixed += one[static_cast<size_t>(i)] == i ? 1 : 0;
  CHECK(fixed < 10);
}

TEST_CASE("validation every n epochs, and early stopping", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  Classifier net(1);
  ProgramSpec spec = net.spec();
  spec.train.validate_every = 3;
  REQUIRE(run(spec, net, {"--data", dir.path(), "--log", dir / "log.csv", "--epochs", "7"}) == 0);
  const std::vector<std::string> rows = log_rows(dir / "log.csv");
  REQUIRE(rows.size() == 8);
  for (int epoch = 1; epoch <= 7; ++epoch) CHECK((column(rows[static_cast<size_t>(epoch)], 5) >= 0) == (epoch == 3 || epoch == 6 || epoch == 7));
  spec.train.validate_every = 1;
  spec.train.stop_after = 2;
  REQUIRE(run(spec, net, {"--data", dir.path(), "--log", dir / "log.csv", "--epochs", "50", "--lr", "1e-30"}) == 0);
  CHECK(log_rows(dir / "log.csv").size() == 1 + 3);  // the first is the best, two more are not better
}

TEST_CASE("the memory report: the plan's size, and failure where it does not hold", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  Classifier net(1);
  REQUIRE(run(net.spec(), net, {"--data", dir.path(), "--dry-run", "--check-memory=" + (dir / "memory.json")}) == 0);
  CHECK(net.seen.size() == 1);
  CHECK(net.valid_seen.empty());
  const std::string json = read_file(dir / "memory.json");
  CHECK_THAT(json, Contains("{\"planned\":4096,\"allocated\":4096,\"difference\":0,\"device_before\":"));
  for (const char* key : {"\"device_after\":", "\"library\":", "\"peak\":", "\"device\":\""}) CHECK_THAT(json, Contains(key));
  Classifier greedy(1);
  void* more = nullptr;
  Context* owner = nullptr;
  greedy.in_micro = [&](Context& ctx) {
    more = netrt::device_allocate(ctx, 64);
    netrt::device_free(ctx, more);
    owner = &ctx;
  };
  CHECK(run(greedy.spec(), greedy, {"--data", dir.path(), "--dry-run", "--check-memory=" + (dir / "memory.json")}) == 1);
  CHECK_THAT(read_file(dir / "memory.json"), Contains("\"difference\":64,"));
  CHECK(run(greedy.spec(), greedy, {"--data", dir.path(), "--dry-run"}) == 0);
}

TEST_CASE("what cannot be trained exits with 1", "[loop]") {
  TempDir dir;
  write_data(dir.path());
  Classifier net(2);
  ProgramSpec spec = net.spec();
  CHECK(run(spec, net, {"--data", dir / "nowhere"}) == 1);
  CHECK(run(spec, net, {"--data", dir.path(), "--epocs", "1"}) == 1);
  CHECK(run(spec, net, {"--data", dir.path(), "--log", dir / "no/folder.csv"}) == 1);
  spec.train.micro_steps = 13;  // 104 samples a step, 100 in the data
  CHECK(run(spec, net, {"--data", dir.path()}) == 1);
  CHECK(net.seen.empty());
}

TEST_CASE("a picture that cannot be read ends the run from the loader's thread too", "[loop]") {
  TempDir dir;
  for (int i = 0; i < 24; ++i) write_png(dir / ("a/" + std::to_string(i) + ".png"), 1, 6, true, 9, 9, 9);
  const std::string png = read_file(dir / "a/3.png");
  write_file(dir / "a/3.png", png.substr(0, png.size() - 30));
  Classifier net(GENERATE(1, 2));
  ProgramSpec spec = net.spec();
  spec.data = data_spec("folder", 1, 6, 1, kClasses);
  CHECK(run(spec, net, {"--data", dir.path()}) == 1);
}
