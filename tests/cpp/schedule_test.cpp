// Learning rates and first values, against the formulas worked by hand.
#include <catch2/catch.hpp>

#include <cmath>

#include "train/init.h"
#include "train/schedule.h"

using netrt::learning_rate;
using netrt::make_schedule;
using netrt::Schedule;

namespace {

netrt::TrainSpec spec(const char* schedule, double every, double factor, double warmup, int64_t steps = 0) {
  return {0.1, schedule, every, factor, warmup, 64, 1, 10, steps, 1, 0, 1};
}

}  // namespace

TEST_CASE("constant, with and without warmup", "[schedule]") {
  CHECK(learning_rate(make_schedule(spec("constant", 0, 1, 0), 0.1, 100, 1000), 1) == 0.1f);
  const Schedule warm = make_schedule(spec("constant", 0, 1, 2), 0.1, 100, 1000);  // two epochs of 100 steps
  CHECK(learning_rate(warm, 1) == Approx(0.1 / 200));
  CHECK(learning_rate(warm, 100) == Approx(0.05));
  CHECK(learning_rate(warm, 200) == 0.1f);
  CHECK(learning_rate(warm, 201) == 0.1f);
}

TEST_CASE("step multiplies every n epochs, or every n steps where training is counted in steps", "[schedule]") {
  const Schedule epochs = make_schedule(spec("step", 3, 0.5, 0), 0.1, 100, 1000);
  CHECK(learning_rate(epochs, 300) == 0.1f);
  CHECK(learning_rate(epochs, 301) == 0.05f);
  CHECK(learning_rate(epochs, 901) == 0.0125f);
  const Schedule steps = make_schedule(spec("step", 3, 0.5, 0, 50), 0.1, 100, 50);
  CHECK(learning_rate(steps, 3) == 0.1f);
  CHECK(learning_rate(steps, 4) == 0.05f);
}

TEST_CASE("cosine falls from the base to its factor, half way in the middle", "[schedule]") {
  const Schedule cosine = make_schedule(spec("cosine", 0, 0.1, 1), 0.2, 100, 1100);
  CHECK(learning_rate(cosine, 101) == 0.2f);
  CHECK(learning_rate(cosine, 601) == Approx(0.2 * 0.55));
  CHECK(learning_rate(cosine, 351) == Approx(0.2 * (0.1 + 0.9 * 0.5 * (1 + std::cos(M_PI / 4)))));
  CHECK(learning_rate(cosine, 1100) == Approx(0.02).epsilon(1e-3));
  CHECK(learning_rate(cosine, 5000) == Approx(0.02));
}

TEST_CASE("linear falls by equal steps", "[schedule]") {
  const Schedule linear = make_schedule(spec("linear", 0, 0, 0), 0.1, 100, 1000);
  CHECK(learning_rate(linear, 1) == 0.1f);
  CHECK(learning_rate(linear, 501) == Approx(0.05));
  CHECK(learning_rate(linear, 1000) == Approx(0.0001));
  CHECK(learning_rate(make_schedule(spec("linear", 0, 0, 20), 0.1, 100, 1000), 1000) == Approx(0.05));  // a warmup longer than the run
}

namespace {

std::vector<float> values(netrt::InitKind kind, double value, const char* name, uint64_t seed, int64_t count) {
  const netrt::Tensor tensor{name, netrt::Tensor::parameter, 0, {count}, kind, value};
  std::vector<float> out(static_cast<size_t>(count));
  netrt::initial_values(tensor, seed, 0, count, out.data());
  return out;
}

}  // namespace

TEST_CASE("first values have their distribution and follow from seed and name", "[init]") {
  constexpr int64_t kCount = 100001;
  const std::vector<float> uniform = values(netrt::InitKind::uniform, 0.25, "conv1.w", 1, kCount),
                           normal = values(netrt::InitKind::normal, 0.5, "conv1.w", 1, kCount);
  double sum = 0, squares = 0, normal_sum = 0, normal_squares = 0, fourth = 0;
  for (size_t i = 0; i < kCount; ++i) {
    REQUIRE(std::abs(uniform[i]) <= 0.25f);
    const double u = static_cast<double>(uniform[i]), n = static_cast<double>(normal[i]);
    sum += u;
    squares += u * u;
    normal_sum += n;
    normal_squares += n * n;
    fourth += n * n * n * n;
  }
  CHECK(sum / kCount == Approx(0).margin(0.002));
  CHECK(squares / kCount == Approx(0.0625 / 3).epsilon(0.02));
  CHECK(normal_sum / kCount == Approx(0).margin(0.006));
  CHECK(normal_squares / kCount == Approx(0.25).epsilon(0.02));
  CHECK(fourth / kCount == Approx(3 * 0.0625).epsilon(0.05));
  CHECK(values(netrt::InitKind::constant, 1.5, "x", 1, 3) == std::vector<float>(3, 1.5f));
  CHECK(values(netrt::InitKind::uniform, 0.25, "conv1.w", 1, 10) == std::vector<float>(uniform.begin(), uniform.begin() + 10));
  CHECK(values(netrt::InitKind::uniform, 0.25, "conv2.w", 1, 10) != std::vector<float>(uniform.begin(), uniform.begin() + 10));
  CHECK(values(netrt::InitKind::uniform, 0.25, "conv1.w", 2, 10) != std::vector<float>(uniform.begin(), uniform.begin() + 10));
}

TEST_CASE("first values come out the same in pieces", "[init]") {
  const netrt::Tensor tensor{"w", netrt::Tensor::parameter, 0, {50}, netrt::InitKind::normal, 1.0};
  std::vector<float> pieces(50);
  netrt::initial_values(tensor, 3, 0, 20, pieces.data());
  netrt::initial_values(tensor, 3, 20, 30, pieces.data() + 20);
  CHECK(pieces == values(netrt::InitKind::normal, 1.0, "w", 3, 50));
}
