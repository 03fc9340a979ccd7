// Activations, dropout, products and the kernels that move channels and pixels.
#include <limits>

#include "activation_math.h"
#include "kernel_checks.h"

namespace {

using namespace kernel_checks;
using netrt::ActDesc;
using netrt::Activation;

const std::vector<Activation> all = {Activation::none,      Activation::relu, Activation::relu6,   Activation::leaky,
                                     Activation::elu,       Activation::gelu_erf, Activation::gelu_tanh, Activation::silu,
                                     Activation::sigmoid,   Activation::tanh, Activation::hardswish, Activation::hardsigmoid};
const std::vector<Activation> from_output = {Activation::relu,    Activation::relu6, Activation::leaky,      Activation::elu,
                                             Activation::sigmoid, Activation::tanh,  Activation::hardsigmoid};
const std::vector<Activation> from_mask = {Activation::relu, Activation::relu6, Activation::leaky, Activation::hardsigmoid};

/// PyTorch's formulas, in double.
double formula(Activation activation, double alpha, double x) {
  const auto clamp06 = [](double v) { return std::min(std::max(v, 0.0), 6.0); };
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return std::max(x, 0.0);
    case Activation::relu6: return clamp06(x);
    case Activation::leaky: return x > 0 ? x : alpha * x;
    case Activation::elu: return x > 0 ? x : alpha * (std::exp(x) - 1);
    case Activation::gelu_erf: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
    case Activation::hardswish: return x * clamp06(x + 3) / 6;
    case Activation::hardsigmoid: return clamp06(x + 3) / 6;
  }
  return x;
}

/// Values on both sides of every kink and none at one; the length is no multiple of 8.
Floats inputs() {
  Floats x = random_floats(40003, 7, -8, 8);
  for (float& v : x) {
    for (const float kink : {-3.0f, 0.0f, 3.0f, 6.0f}) {
      if (std::abs(v - kink) < 0.01f) v = kink + 0.05f;
    }
  }
  return x;
}

struct Run {
  Floats y;
  std::vector<uint8_t> mask;
};

Run forward(const Floats& x, const ActDesc& desc) {
  Guarded<float> y(x.size());
  Guarded<uint8_t> mask((x.size() + 7) / 8);
  act_forward(context(), y.data(), mask.data(), x.data(), desc);
  return {y.values(), mask.values()};
}

/// The largest error of f relative to the exact value, over [low, high].
template <class F, class Exact>
double worst_error(const F& f, const Exact& exact, float low, float high) {
  double worst = 0;
  for (float x = low; x < high; x += (high - low) / 400000) {
    const double value = exact(double(x));
    if (value != 0) worst = std::max(worst, std::abs(f(x) - value) / std::abs(value));
  }
  return worst;
}

}  // namespace

TEST_CASE("elementary functions are as near to the exact ones as they say", "[kernels]") {
  using namespace netrt;
  CHECK(worst_error(vector_exp, [](double x) { return std::exp(x); }, -87.3f, 88.7f) < 1e-7);
  for (const float reach : {88.0f, 1.0f, 1e-3f}) CHECK(worst_error(vector_expm1, [](double x) { return std::expm1(x); }, -reach, reach) < 1.3e-7);
  for (const float reach : {12.0f, 1.0f, 1e-3f}) CHECK(worst_error(vector_tanh, [](double x) { return std::tanh(x); }, -reach, reach) < 1.5e-7);
  for (const float reach : {6.0f, 1.5f, 1e-3f}) CHECK(worst_error(vector_erf, [](double x) { return std::erf(x); }, -reach, reach) < 1.2e-7);
  CHECK(worst_error(logistic, [](double x) { return 1 / (1 + std::exp(-x)); }, -87.0f, 30.0f) < 3e-7);
  constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const float far : {100.0f, 1e30f, infinity}) {
    CHECK(vector_exp(-far) == 0.0f);
    CHECK(vector_exp(far) > 3.4e38f);
    CHECK(vector_expm1(-far) == -1.0f);
    for (const float sign : {1.0f, -1.0f}) {
      CHECK(vector_tanh(sign * far) == sign);
      CHECK(vector_erf(sign * far) == sign);
    }
    CHECK(logistic(far) == 1.0f);
    CHECK(logistic(-far) == 0.0f);
  }
  for (const auto f : {vector_expm1, vector_tanh, vector_erf}) CHECK(f(0.0f) == 0.0f);
  for (const auto f : {vector_exp, vector_expm1, vector_tanh, vector_erf, logistic}) CHECK(std::isnan(f(nan)));
}

TEST_CASE("activations are PyTorch's formulas", "[kernels]") {
  const Floats x = inputs();
  for (const Activation activation : all) {
    INFO("activation " << int(activation));
    const ActDesc desc{int64_t(x.size()), activation, 0.3f};
    std::vector<double> expected;
    for (const float v : x) expected.push_back(formula(activation, 0.3f, v));
    const Run run = forward(x, desc);
    check_close(run.y, expected, 1e-6);
    Floats in_place = x;
    act_forward(context(), in_place.data(), nullptr, in_place.data(), desc);
    CHECK(same_bits(in_place, run.y));
  }
}

TEST_CASE("derivatives of activations are those of the formulas", "[kernels]") {
  const Floats x = inputs(), dy = random_floats(x.size(), 8);
  for (const Activation activation : all) {
    INFO("activation " << int(activation));
    const ActDesc desc{int64_t(x.size()), activation, 0.3f};
    std::vector<double> expected;
    for (size_t i = 0; i < x.size(); ++i) {
      expected.push_back(dy[i] * (formula(activation, 0.3f, x[i] + 1e-4) - formula(activation, 0.3f, x[i] - 1e-4)) / 2e-4);
    }
    const Run run = forward(x, desc);
    Guarded<float> dx(x.size());
    act_backward_from_input(context(), dx.data(), x.data(), dy.data(), desc);
    check_close(dx.values(), expected, 1e-5);
    if (std::count(from_output.begin(), from_output.end(), activation) != 0) {
      act_backward_from_output(context(), dx.data(), run.y.data(), dy.data(), desc);
      check_close(dx.values(), expected, 1e-5);
    }
    if (std::count(from_mask.begin(), from_mask.end(), activation) != 0) {
      act_backward_from_mask(context(), dx.data(), run.mask.data(), dy.data(), desc);
      check_close(dx.values(), expected, 1e-5);
    }
  }
}

TEST_CASE("the output of a relu-like activation tells its mask and its gradient, to the bit", "[kernels]") {
  Floats x = random_floats(4003, 7, -8, 8);
  for (const float kink : {-3.0f, -0.0f, 0.0f, 3.0f, 6.0f}) {  // the kinks and their neighbours, the smallest numbers, a NaN
    x.insert(x.end(), {kink, std::nextafter(kink, -INFINITY), std::nextafter(kink, INFINITY), std::nextafter(std::nextafter(kink, -INFINITY), -INFINITY)});
  }
  x.insert(x.end(), {1e-38f, -1e-38f, 1e30f, -1e30f, std::numeric_limits<float>::quiet_NaN()});
  const Floats dy = random_floats(x.size(), 8);
  for (const Activation activation : from_mask) {
    for (const float slope : {0.0f, 1e-30f, 0.3f, 1.0f}) {
      INFO("activation " << int(activation) << ", slope " << slope);
      const ActDesc desc{int64_t(x.size()), activation, slope};
      const Run run = forward(x, desc);
      Guarded<uint8_t> mask(run.mask.size());
      act_mask(context(), mask.data(), run.y.data(), desc);
      CHECK(mask.values() == run.mask);
      Guarded<float> by_mask(x.size()), by_output(x.size()), by_input(x.size());
      act_backward_from_mask(context(), by_mask.data(), mask.data(), dy.data(), desc);
      act_backward_from_output(context(), by_output.data(), run.y.data(), dy.data(), desc);
      act_backward_from_input(context(), by_input.data(), x.data(), dy.data(), desc);
      CHECK(same_bits(by_mask.values(), by_output.values()));
      CHECK(same_bits(by_mask.values(), by_input.values()));
    }
  }
}

TEST_CASE("extreme inputs of activations stay finite, a NaN stays a NaN", "[kernels]") {
  const Floats x = {-1e30f, -200.0f, 200.0f, 1e10f};
  for (const Activation activation : all) {
    INFO("activation " << int(activation));
    for (const float v : x) {
      CHECK(std::isfinite(netrt::activation_value(activation, 1.0f, v)));
      if (std::abs(v) <= 200.0f) CHECK(std::isfinite(netrt::activation_slope_from_input(activation, 1.0f, v)));
    }
    CHECK(std::isnan(netrt::activation_value(activation, 1.0f, std::numeric_limits<float>::quiet_NaN())));
  }
}

TEST_CASE("softmax equals its formula and its gradient the differences", "[kernels]") {
  for (const auto& [rows, cols] : {std::pair(5, 10), std::pair(1, 1), std::pair(3000, 7), std::pair(2, 1001)}) {
    const netrt::SoftmaxDesc desc{rows, cols};
    Floats x = random_floats(size_t(rows) * cols, 1, -3, 3);
    const Floats dy = random_floats(x.size(), 2);
    const auto run = [&] {
      Guarded<float> y(x.size());
      softmax_forward(context(), y.data(), x.data(), desc);
      return y.values();
    };
    const Floats y = run();
    std::vector<double> expected(x.size());
    for (int row = 0; row < rows; ++row) {
      double sum = 0;
      for (int j = 0; j < cols; ++j) sum += std::exp(double(x[row * cols + j]));
      for (int j = 0; j < cols; ++j) expected[row * cols + j] = std::exp(double(x[row * cols + j])) / sum;
    }
    check_close(y, expected, 1e-6);
    Guarded<float> dx(x.size());
    softmax_backward(context(), dx.data(), y.data(), dy.data(), desc);
    check_gradient(x, dx.values(), [&] { return inner(run(), dy); });
  }
}

TEST_CASE("dropout keeps the right share, the same elements again, and follows seed, step and stream", "[kernels]") {
  const int64_t count = 100003;
  const netrt::DropDesc desc{count, 0.3f, 5};
  const Floats ones(count, 1.0f);
  netrt::RunState& state = netrt::run_state(context());
  const netrt::RunState kept_state = state;
  const auto run = [&](const netrt::DropDesc& d) {
    Guarded<float> y(count);
    drop_forward(context(), y.data(), ones.data(), d);
    return y.values();
  };
  const Floats first = run(desc);
  CHECK(same_bits(first, run(desc)));
  int64_t kept = 0;
  for (const float v : first) {
    CHECK((v == 0.0f || v == 1.0f / (1.0f - 0.3f)));
    kept += v != 0.0f;
  }
  CHECK(std::abs(double(kept) / count - 0.7) < 0.01);
  CHECK_FALSE(same_bits(first, run({count, 0.3f, 6})));
  ++state.micro_step;
  CHECK_FALSE(same_bits(first, run(desc)));
  state = kept_state;
  ++state.seed;
  CHECK_FALSE(same_bits(first, run(desc)));
  state = kept_state;
  CHECK(same_bits(ones, run({count, 0.0f, 5})));
  CHECK(same_bits(Floats(count, 0.0f), run({count, 1.0f, 5})));
}

TEST_CASE("sums and products", "[kernels]") {
  const int n = 3, pixels = 35, c = 13;
  const Floats a = random_floats(n * pixels * c, 1), b = random_floats(a.size(), 2), gain = random_floats(n * c, 3);
  std::vector<double> sum, product, scaled, broadcast, reduced(n * c), dgain(c);
  for (size_t i = 0; i < a.size(); ++i) {
    const size_t channel = i % c, sample = i / (pixels * c);
    sum.push_back(std::max(double(a[i]) + b[i], 0.0));
    product.push_back(double(a[i]) * b[i]);
    scaled.push_back(double(a[i]) * gain[channel]);
    broadcast.push_back(double(a[i]) * gain[sample * c + channel]);
    reduced[sample * c + channel] += double(a[i]) * b[i];
    dgain[channel] += double(a[i]) * b[i];
  }
  Guarded<float> y(a.size()), per_sample(n * c), per_channel(c);
  add_forward(context(), y.data(), a.data(), b.data(), {int64_t(a.size()), Activation::relu, 0});
  check_close(y.values(), sum, 1e-6);
  mul_forward(context(), y.data(), a.data(), b.data(), {n, pixels, c, 0});
  check_close(y.values(), product, 1e-6);
  mul_forward(context(), y.data(), a.data(), gain.data(), {n, pixels, c, 1});
  check_close(y.values(), broadcast, 1e-6);
  mul_reduce(context(), per_sample.data(), a.data(), b.data(), {n, pixels, c, 1});
  check_close(per_sample.values(), reduced, 1e-5);
  const netrt::ScaleDesc scale{n * pixels, c};
  scale_forward(context(), y.data(), a.data(), gain.data(), scale);
  check_close(y.values(), scaled, 1e-6);
  GuardedWorkspace workspace(scale_backward_weights_workspace(scale));
  scale_backward_weights(context(), per_channel.data(), a.data(), b.data(), scale, workspace.get());
  check_close(per_channel.values(), dgain, 1e-5);
}

TEST_CASE("shuffle is undone by the shuffle with the other number of groups", "[kernels]") {
  const int rows = 7, c = 12, groups = 3;
  const Floats x = random_floats(rows * c, 1);
  Guarded<float> y(x.size()), back(x.size());
  shuffle_forward(context(), y.data(), x.data(), {rows, c, groups});
  for (int row = 0; row < rows; ++row) {
    for (int g = 0; g < groups; ++g) {
      for (int j = 0; j < c / groups; ++j) CHECK(y.data()[row * c + j * groups + g] == x[row * c + g * (c / groups) + j]);
    }
  }
  shuffle_forward(context(), back.data(), y.data(), {rows, c, c / groups});
  CHECK(same_bits(back.values(), x));
}

TEST_CASE("channels are copied and scattered", "[kernels]") {
  const int rows = 2001, c = 3, src_c = 7, first = 2, dst_c = 9, to = 5;
  const Floats x = random_floats(rows * src_c, 1), before = random_floats(rows * dst_c, 2);
  Guarded<float> copied(before), scattered(before);
  const netrt::ChannelsDesc desc{rows, c, src_c, first, dst_c, to};
  channels_copy(context(), copied.data(), x.data(), desc);
  channels_scatter(context(), scattered.data(), x.data(), desc);
  Floats expected_copy = before, expected_scatter(before.size(), 0.0f);
  for (int row = 0; row < rows; ++row) {
    for (int j = 0; j < c; ++j) expected_copy[row * dst_c + to + j] = expected_scatter[row * dst_c + to + j] = x[row * src_c + first + j];
  }
  CHECK(same_bits(copied.values(), expected_copy));
  CHECK(same_bits(scattered.values(), expected_scatter));
}

TEST_CASE("place pads, crops and shifts", "[kernels]") {
  // n, h, w, c, oh, ow, top, left
  const netrt::PlaceDesc cases[] = {{2, 4, 5, 3, 8, 9, 1, 2}, {2, 8, 9, 3, 4, 5, -1, -2}, {3, 5, 5, 1, 5, 5, 2, -1},
                                    {1, 3, 3, 2, 2, 2, 7, 0}, {1, 3, 3, 2, 4, 4, 0, -9},  {1, 3, 3, 2, 4, 4, 0, 9}};
  for (const netrt::PlaceDesc& d : cases) {
    const Floats x = random_floats(size_t(d.n) * d.h * d.w * d.c, 1);
    Guarded<float> y(size_t(d.n) * d.oh * d.ow * d.c);
    place_forward(context(), y.data(), x.data(), d);
    Floats expected;
    for (int n = 0; n < d.n; ++n)
      for (int i = 0; i < d.oh; ++i)
        for (int j = 0; j < d.ow; ++j)
          for (int c = 0; c < d.c; ++c) {
            const int h = i - d.top, w = j - d.left;
            expected.push_back(h >= 0 && h < d.h && w >= 0 && w < d.w ? x[((n * d.h + h) * d.w + w) * d.c + c] : 0.0f);
          }
    CHECK(same_bits(y.values(), expected));
  }
}

TEST_CASE("the elementary functions that vectorise are exact to float32", "[kernels]") {
  double worst_exp = 0, worst_sigmoid = 0, worst_tanh = 0;
  for (double x = -90; x <= 90; x += x > -2 && x < 2 ? 1e-4 : 1e-2) {
    const float given = static_cast<float>(x);
    if (given > -87 && given < 88) worst_exp = std::max(worst_exp, std::abs(netrt::vector_exp(given) / std::exp(double(given)) - 1));
    const double sigmoid = 1 / (1 + std::exp(-double(given))), tangent = std::tanh(double(given));
    if (given > -87) worst_sigmoid = std::max(worst_sigmoid, std::abs(netrt::logistic(given) - sigmoid) / sigmoid);
    worst_tanh = std::max(worst_tanh, std::abs(netrt::vector_tanh(given) - tangent) / std::max(std::abs(tangent), 1e-30));
  }
  CHECK(worst_exp < 1.2e-7);
  CHECK(worst_sigmoid < 3e-7);
  CHECK(worst_tanh < 3e-7);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(netrt::vector_exp(-infinity) == 0.0f);
  CHECK(netrt::vector_exp(infinity) > 3.4e38f);
  CHECK(netrt::logistic(infinity) == 1.0f);
  CHECK(netrt::logistic(-infinity) < 1e-37f);
  CHECK(netrt::vector_tanh(infinity) == 1.0f);
  CHECK(netrt::vector_tanh(-infinity) == -1.0f);
  CHECK(netrt::vector_tanh(0.0f) == 0.0f);
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float value : {netrt::vector_exp(nan), netrt::logistic(nan), netrt::vector_tanh(nan)}) CHECK(std::isnan(value));
}
