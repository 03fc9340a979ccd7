// Batch, layer, root mean square and group norm, and local response normalisation.
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

TEST_CASE("batch norm made again from its statistics has the same bits", "[kernels]") {
  for (const BnDesc& d : norms) {
    INFO(d.rows << " rows, " << d.c << " channels, activation " << int(d.activation));
    const Floats x = random_floats(size_t(d.rows) * d.c, 1), gamma = random_floats(d.c, 2), beta = random_floats(d.c, 3);
    const Norm norm = forward(x, gamma, beta, d);
    Guarded<float> y(x.size()), in_place(x);
    bn_apply(context(), y.data(), x.data(), norm.mean.data(), norm.invstd.data(), gamma.data(), beta.data(), d);
    bn_apply(context(), in_place.data(), in_place.data(), norm.mean.data(), norm.invstd.data(), gamma.data(), beta.data(), d);
    CHECK(same_bits(y.values(), norm.y));
    CHECK(same_bits(in_place.values(), norm.y));
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

namespace {

/// What a norm with statistics of its own over some values should give: rows of a matrix (groups 0: the whole row), or groups of the channels
/// of n samples of `pixels` rows.
struct Expected {
  std::vector<double> y, mean, invstd, dx, dgamma, dbeta;
};

/// `part`: the statistics' index of value i. `centred`: 0 for the root mean square, which subtracts no mean.
template <class Part>
Expected expect_norm(const Floats& x, const Floats& gamma, const Floats& beta, const Floats& dy, size_t parts, double eps, bool centred, const Part& part) {
  const size_t c = gamma.size(), count = x.size() / parts;
  Expected e{{}, std::vector<double>(parts), std::vector<double>(parts), {}, std::vector<double>(c), std::vector<double>(c)};
  std::vector<double> square(parts), sum(parts), product(parts);
  if (centred)
    for (size_t i = 0; i < x.size(); ++i) e.mean[part(i)] += double(x[i]) / count;
  for (size_t i = 0; i < x.size(); ++i) square[part(i)] += (x[i] - e.mean[part(i)]) * (x[i] - e.mean[part(i)]) / count;
  for (size_t p = 0; p < parts; ++p) e.invstd[p] = 1 / std::sqrt(square[p] + eps);
  const auto z = [&](size_t i) { return (x[i] - e.mean[part(i)]) * e.invstd[part(i)]; };
  for (size_t i = 0; i < x.size(); ++i) {
    e.y.push_back(z(i) * gamma[i % c] + beta[i % c]);
    e.dgamma[i % c] += dy[i] * z(i);
    e.dbeta[i % c] += dy[i];
    sum[part(i)] += centred ? double(dy[i]) * gamma[i % c] / count : 0;
    product[part(i)] += dy[i] * gamma[i % c] * z(i) / count;
  }
  for (size_t i = 0; i < x.size(); ++i) e.dx.push_back(e.invstd[part(i)] * (double(dy[i]) * gamma[i % c] - sum[part(i)] - z(i) * product[part(i)]));
  return e;
}

}  // namespace

TEST_CASE("layer norm and root mean square norm equal their formulas in double, and so do their gradients", "[kernels]") {
  for (const netrt::NormDesc& d : {netrt::NormDesc{5, 3, 1e-5f}, netrt::NormDesc{200, 96, 1e-3f}, netrt::NormDesc{1, 1000, 1e-5f},
                                   netrt::NormDesc{130, 33, 1e-5f}}) {
    INFO(d.rows << " rows, " << d.c << " channels");
    const size_t c = d.c;
    const Floats x = random_floats(d.rows * c, 1, 1, 3), gamma = random_floats(c, 2, 0.5f, 1.5f), beta = random_floats(c, 3), dy = random_floats(x.size(), 4);
    const auto row = [&](size_t i) { return i / c; };
    const Expected layer = expect_norm(x, gamma, beta, dy, d.rows, d.eps, true, row);
    const Expected rms = expect_norm(x, gamma, Floats(c, 0.0f), dy, d.rows, d.eps, false, row);
    Guarded<float> y(x.size()), in_place(x), mean(d.rows), scale(d.rows), dx(x.size()), dgamma(c), dbeta(c), dx_in_place(dy);
    GuardedWorkspace workspace(norm_backward_workspace(d)), rms_workspace(rmsnorm_backward_workspace(d));
    norm_forward(context(), y.data(), mean.data(), scale.data(), x.data(), gamma.data(), beta.data(), d);
    norm_backward(context(), dx.data(), dgamma.data(), dbeta.data(), x.data(), mean.data(), scale.data(), gamma.data(), dy.data(), d, workspace.get());
    check_close(y.values(), layer.y, 5e-6);
    check_close(mean.values(), layer.mean, 1e-6);
    check_close(dx.values(), layer.dx, 5e-6);
    check_close(dgamma.values(), layer.dgamma, 5e-6);
    check_close(dbeta.values(), layer.dbeta, 5e-6);
    rmsnorm_forward(context(), y.data(), scale.data(), x.data(), gamma.data(), d);
    rmsnorm_forward(context(), in_place.data(), nullptr, in_place.data(), gamma.data(), d);
    const auto back = [&](float* out, const float* from) {
      rmsnorm_backward(context(), out, dgamma.data(), x.data(), scale.data(), gamma.data(), from, d, rms_workspace.get());
    };
    back(dx.data(), dy.data());
    back(dx_in_place.data(), dx_in_place.data());
    check_close(y.values(), rms.y, 2e-6);
    CHECK(same_bits(y.values(), in_place.values()));
    check_close(scale.values(), rms.invstd, 2e-6);
    check_close(dx.values(), rms.dx, 2e-6);
    CHECK(same_bits(dx.values(), dx_in_place.values()));
    check_close(dgamma.values(), rms.dgamma, 5e-6);
    back(nullptr, dy.data());
    check_close(dgamma.values(), rms.dgamma, 5e-6);
  }
}

TEST_CASE("group norm equals its formula in double, and so do its gradients", "[kernels]") {
  // n, pixels, c, groups, eps: groups of one channel, of a few, of more than a block of 64; one group; a single pixel
  for (const netrt::GroupNormDesc& d : {netrt::GroupNormDesc{3, 20, 6, 6, 1e-5f}, netrt::GroupNormDesc{2, 300, 24, 4, 1e-3f},
                                        netrt::GroupNormDesc{2, 50, 160, 2, 1e-5f}, netrt::GroupNormDesc{1, 9, 130, 1, 1e-5f},
                                        netrt::GroupNormDesc{4, 1, 96, 8, 1e-5f}, netrt::GroupNormDesc{2, 700, 128, 32, 1e-5f}}) {
    INFO(d.n << " x " << d.pixels << " x " << d.c << ", " << d.groups << " groups");
    const size_t c = d.c, each = c / d.groups, parts = size_t(d.n) * d.groups;
    const Floats x = random_floats(size_t(d.n) * d.pixels * c, 1, 1, 3), gamma = random_floats(c, 2, 0.5f, 1.5f), beta = random_floats(c, 3);
    const Floats dy = random_floats(x.size(), 4);
    const Expected e = expect_norm(x, gamma, beta, dy, parts, d.eps, true, [&](size_t i) { return i / (d.pixels * c) * d.groups + i % c / each; });
    Guarded<float> y(x.size()), in_place(x), mean(parts), invstd(parts), dx(x.size()), dx_in_place(dy), dgamma(c), dbeta(c);
    Guarded<float> again(x);
    GuardedWorkspace workspace(groupnorm_backward_workspace(d));
    groupnorm_forward(context(), y.data(), mean.data(), invstd.data(), x.data(), gamma.data(), beta.data(), d);
    groupnorm_forward(context(), in_place.data(), nullptr, nullptr, in_place.data(), gamma.data(), beta.data(), d);
    groupnorm_apply(context(), again.data(), again.data(), mean.data(), invstd.data(), gamma.data(), beta.data(), d);
    CHECK(same_bits(again.values(), y.values()));
    const auto back = [&](float* out, const float* from) {
      groupnorm_backward(context(), out, dgamma.data(), dbeta.data(), x.data(), mean.data(), invstd.data(), gamma.data(), from, d, workspace.get());
    };
    back(dx.data(), dy.data());
    back(dx_in_place.data(), dx_in_place.data());
    check_close(y.values(), e.y, 5e-6);
    CHECK(same_bits(y.values(), in_place.values()));
    check_close(mean.values(), e.mean, 1e-6);
    check_close(invstd.values(), e.invstd, 2e-6);
    check_close(dx.values(), e.dx, 1e-5);
    CHECK(same_bits(dx.values(), dx_in_place.values()));
    check_close(dgamma.values(), e.dgamma, 1e-5);
    check_close(dbeta.values(), e.dbeta, 5e-6);
    back(nullptr, dy.data());
    check_close(dbeta.values(), e.dbeta, 5e-6);
  }
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
