// Batch norm and local response normalisation.
#include "kernel_checks.h"

namespace {

using namespace kernel_checks;
using netrt::Activation;
using netrt::BnDesc;

struct Norm {
  Floats y, mean, invstd, running_mean, running_var;
};

Norm forward(const Floats& x, const Floats& gamma, const Floats& beta, const BnDesc& d) {
  const size_t c = d.c;
  Guarded<float> y(x.size()), mean(c), invstd(c), running_mean(Floats(c, 0.5f)), running_var(Floats(c, 2.0f));
  GuardedWorkspace workspace(bn_forward_workspace(d));
  bn_forward(context(), y.data(), mean.data(), invstd.data(), running_mean.data(), running_var.data(), x.data(), gamma.data(), beta.data(), d,
             workspace.get());
  return {y.values(), mean.values(), invstd.values(), running_mean.values(), running_var.values()};
}

const BnDesc norms[] = {{5, 3, 1e-5f, 0.9f, Activation::none, 0},      {1000, 7, 1e-5f, 0.9f, Activation::relu, 0},
                        {333, 40, 1e-3f, 0.99f, Activation::silu, 0},  {6000, 64, 1e-5f, 0.9f, Activation::leaky, 0.1f},
                        {20000, 1, 1e-5f, 0.9f, Activation::relu6, 0}, {70, 1500, 1e-5f, 0.9f, Activation::none, 0}};

}  // namespace

TEST_CASE("batch norm equals its formula in double", "[kernels]") {
  for (const BnDesc& d : norms) {
    INFO(d.rows << " rows, " << d.c << " channels");
    Floats x = random_floats(size_t(d.rows) * d.c, 1);
    for (float& v : x) v += 100.0f;  // a mean far above the deviation
    const Floats gamma = random_floats(d.c, 2, 0.5f, 1.5f), beta = random_floats(d.c, 3);
    std::vector<double> mean(d.c), var(d.c), running_mean, running_var, invstd, y(x.size());
    for (size_t i = 0; i < x.size(); ++i) mean[i % d.c] += double(x[i]) / d.rows;
    for (size_t i = 0; i < x.size(); ++i) var[i % d.c] += (x[i] - mean[i % d.c]) * (x[i] - mean[i % d.c]) / d.rows;
    for (int j = 0; j < d.c; ++j) {
      invstd.push_back(1 / std::sqrt(var[j] + d.eps));
      running_mean.push_back(d.keep * 0.5 + (1 - double(d.keep)) * mean[j]);
      running_var.push_back(d.keep * 2.0 + (1 - double(d.keep)) * var[j] * d.rows / (d.rows - 1));
    }
    BnDesc linear = d;
    linear.activation = Activation::none;
    for (size_t i = 0; i < x.size(); ++i) y[i] = (x[i] - mean[i % d.c]) * invstd[i % d.c] * gamma[i % d.c] + beta[i % d.c];
    const Norm norm = forward(x, gamma, beta, linear);
    check_close(norm.mean, mean, 1e-6);
    check_close(norm.invstd, invstd, 1e-5);
    check_close(norm.running_mean, running_mean, 1e-6);
    check_close(norm.running_var, running_var, 1e-5);
    check_close(norm.y, y, 1e-4);
    CHECK(same_bits(norm.y, forward(x, gamma, beta, linear).y));
  }
}

TEST_CASE("batch norm in evaluation uses the running statistics", "[kernels]") {
  for (const BnDesc& d : norms) {
    const Floats x = random_floats(size_t(d.rows) * d.c, 1), gamma = random_floats(d.c, 2), beta = random_floats(d.c, 3);
    const Floats mean = random_floats(d.c, 4), var = random_floats(d.c, 5, 0.5f, 2.0f);
    Guarded<float> y(x.size());
    BnDesc relu = d;
    relu.activation = Activation::relu;
    bn_evaluate(context(), y.data(), x.data(), gamma.data(), beta.data(), mean.data(), var.data(), relu);
    std::vector<double> expected;
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t j = i % d.c;
      expected.push_back(std::max((double(x[i]) - mean[j]) / std::sqrt(double(var[j]) + d.eps) * gamma[j] + beta[j], 0.0));
    }
    check_close(y.values(), expected, 1e-5);
  }
}

TEST_CASE("gradients of batch norm, with and without an activation, by differences", "[kernels]") {
  for (BnDesc d : {BnDesc{12, 3, 1e-2f, 0.9f, Activation::none, 0}, BnDesc{40, 5, 1e-2f, 0.9f, Activation::silu, 0},
                   BnDesc{30, 9, 1e-2f, 0.9f, Activation::sigmoid, 0}, BnDesc{1100, 2, 1e-2f, 0.9f, Activation::gelu_tanh, 0}}) {
    INFO(d.rows << " rows, activation " << int(d.activation));
    Floats x = random_floats(size_t(d.rows) * d.c, 1), gamma = random_floats(d.c, 2, 0.5f, 1.5f), beta = random_floats(d.c, 3);
    const Floats dy = random_floats(x.size(), 4);
    const auto loss = [&] { return inner(forward(x, gamma, beta, d).y, dy); };
    const Norm norm = forward(x, gamma, beta, d);
    Guarded<float> dx(x.size()), in_place(dy), dgamma(d.c), dbeta(d.c);
    GuardedWorkspace workspace(bn_backward_workspace(d));
    const auto run = [&](float* out, const float* from) {
      bn_backward(context(), out, dgamma.data(), dbeta.data(), x.data(), norm.mean.data(), norm.invstd.data(), gamma.data(), beta.data(), from, d,
                  workspace.get());
    };
    run(dx.data(), dy.data());
    run(in_place.data(), in_place.data());
    CHECK(same_bits(dx.values(), in_place.values()));
    check_gradient(x, dx.values(), loss);
    check_gradient(gamma, dgamma.values(), loss);
    check_gradient(beta, dbeta.values(), loss);
  }
}

TEST_CASE("the fused relu of batch norm is undone where it was off", "[kernels]") {
  const BnDesc fused{200, 6, 1e-5f, 0.9f, Activation::relu, 0};
  BnDesc linear = fused;
  linear.activation = Activation::none;
  const Floats x = random_floats(1200, 1), gamma = random_floats(6, 2), beta = random_floats(6, 3), dy = random_floats(1200, 4);
  const Norm norm = forward(x, gamma, beta, fused);
  Floats cut = dy;
  for (size_t i = 0; i < cut.size(); ++i) cut[i] = norm.y[i] > 0 ? dy[i] : 0.0f;
  Guarded<float> a(1200), b(1200), dgamma(6), dbeta(6);
  GuardedWorkspace workspace(bn_backward_workspace(fused));
  const auto run = [&](float* out, const Floats& from, const BnDesc& d) {
    bn_backward(context(), out, dgamma.data(), dbeta.data(), x.data(), norm.mean.data(), norm.invstd.data(), gamma.data(), beta.data(),
                from.data(), d, workspace.get());
  };
  run(a.data(), dy, fused);
  run(b.data(), cut, linear);
  check_close(a.values(), b.values(), 1e-6);
}

TEST_CASE("local response normalisation: PyTorch's formula, gradient by differences", "[kernels]") {
  for (const netrt::LrnDesc& d : {netrt::LrnDesc{6, 16, 5, 0.5f, 0.75f, 2.0f}, netrt::LrnDesc{3, 7, 4, 1.0f, 0.5f, 1.0f},
                                  netrt::LrnDesc{2000, 3, 5, 0.1f, 0.75f, 1.0f}, netrt::LrnDesc{2, 5, 1, 0.3f, 0.75f, 1.0f}}) {
    Floats x = random_floats(size_t(d.rows) * d.c, 1);
    const Floats dy = random_floats(x.size(), 2);
    const auto run = [&] {
      Guarded<float> y(x.size());
      lrn_forward(context(), y.data(), x.data(), d);
      return y.values();
    };
    std::vector<double> expected;
    for (int row = 0; row < d.rows; ++row) {
      for (int i = 0; i < d.c; ++i) {
        double sum = 0;
        const int first = std::max(i - d.size / 2, 0), last = std::min(i + (d.size - 1) / 2, d.c - 1);
        for (int j = first; j <= last; ++j) sum += double(x[row * d.c + j]) * x[row * d.c + j];
        expected.push_back(x[row * d.c + i] / std::pow(d.k + double(d.alpha) / d.size * sum, double(d.beta)));
      }
    }
    check_close(run(), expected, 1e-5);
    Guarded<float> dx(x.size());
    lrn_backward(context(), dx.data(), x.data(), dy.data(), d);
    check_gradient(x, dx.values(), [&] { return inner(run(), dy); });
  }
}
