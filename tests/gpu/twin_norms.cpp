// Cases of the norms, softmax and scale.
#include "twin_lab.h"

namespace twin {
namespace {

using netrt::Activation;
using netrt::BnDesc;
using netrt::LrnDesc;
using netrt::NormDesc;
using netrt::ScaleDesc;
using netrt::SoftmaxDesc;

void run_bn(Lab& lab, const BnDesc& d, float center) {
  const int64_t count = int64_t{d.rows} * d.c;
  const std::string text = text_of(d) + " around " + std::to_string(center);
  const double tolerance = center == 0 ? 3e-5 : 2e-3;  // a large mean costs float32 digits on either side
  lab.begin("bn_forward", text);
  const float *x = lab.random(count, center - 1, center + 1), *gamma = lab.random(d.c, 0.5f, 1.5f), *beta = lab.random(d.c);
  float *y = lab.output(count), *mean = lab.output(d.c), *invstd = lab.output(d.c);
  float *running_mean = lab.random(d.c), *running_var = lab.random(d.c, 0.5f, 2);
  bn_forward(lab.context(), y, mean, invstd, running_mean, running_var, x, gamma, beta, d, lab.workspace(bn_forward_workspace(d), false));
  lab.record("y", y, count, tolerance);
  lab.record("mean", mean, d.c, 1e-5);
  lab.record("invstd", invstd, d.c, tolerance);
  lab.record("running mean", running_mean, d.c, 1e-5);
  lab.record("running variance", running_var, d.c, tolerance);

  lab.continue_with("bn_apply", text);
  float* again = lab.output(count);
  bn_apply(lab.context(), again, x, mean, invstd, gamma, beta, d);
  lab.record("y", again, count, tolerance);
  lab.record_same("y of bn_forward", y, again, count * sizeof(float));

  lab.begin("bn_evaluate", text);
  const float *x2 = lab.random(count), *gamma2 = lab.random(d.c), *beta2 = lab.random(d.c), *mean2 = lab.random(d.c), *var2 = lab.random(d.c, 0.5f, 2);
  float* y2 = lab.output(count);
  bn_evaluate(lab.context(), y2, x2, gamma2, beta2, mean2, var2, d);
  lab.record("y", y2, count, 1e-5);

  for (const bool with_dx : {true, false}) {
    lab.begin("bn_backward", text + (with_dx ? "" : " without dx"));
    const float *x3 = lab.random(count), *mean3 = lab.random(d.c, -0.1f, 0.1f), *invstd3 = lab.random(d.c, 1, 2), *gamma3 = lab.random(d.c, 0.5f, 1);
    const float* beta3 = lab.random(d.c);
    float *dy = lab.random(count), *dgamma = lab.output(d.c), *dbeta = lab.output(d.c);
    float* dx = with_dx ? dy : nullptr;  // in place
    bn_backward(lab.context(), dx, dgamma, dbeta, x3, mean3, invstd3, gamma3, beta3, dy, d, lab.workspace(bn_backward_workspace(d), false));
    if (with_dx) lab.record("dx", dx, count, 3e-5);
    lab.record("dgamma", dgamma, d.c, 3e-5);
    lab.record("dbeta", dbeta, d.c, 3e-5);
  }
}

void run_norm(Lab& lab, const NormDesc& d) {
  const int64_t count = int64_t{d.rows} * d.c;
  for (const bool saves : {true, false}) {
    lab.begin("norm_forward", text_of(d) + (saves ? "" : " without statistics"));
    const float *x = lab.random(count), *gamma = lab.random(d.c), *beta = lab.random(d.c);
    float *y = lab.output(count), *mean = saves ? lab.output(d.rows) : nullptr, *invstd = saves ? lab.output(d.rows) : nullptr;
    norm_forward(lab.context(), y, mean, invstd, x, gamma, beta, d);
    lab.record("y", y, count, 3e-5);
    if (saves) lab.record("mean", mean, d.rows, 1e-5);
    if (saves) lab.record("invstd", invstd, d.rows, 3e-5);
  }
  for (const bool with_dx : {true, false}) {
    lab.begin("norm_backward", text_of(d) + (with_dx ? "" : " without dx"));
    const float *x = lab.random(count), *mean = lab.random(d.rows, -0.1f, 0.1f), *invstd = lab.random(d.rows, 1, 2), *gamma = lab.random(d.c);
    float *dy = lab.random(count), *dgamma = lab.output(d.c), *dbeta = lab.output(d.c);
    float* dx = with_dx ? dy : nullptr;
    norm_backward(lab.context(), dx, dgamma, dbeta, x, mean, invstd, gamma, dy, d, lab.workspace(norm_backward_workspace(d), false));
    if (with_dx) lab.record("dx", dx, count, 3e-5);
    lab.record("dgamma", dgamma, d.c, 3e-5);
    lab.record("dbeta", dbeta, d.c, 3e-5);
  }
}

void run_lrn(Lab& lab, const LrnDesc& d) {
  const int64_t count = int64_t{d.rows} * d.c;
  lab.begin("lrn_forward", text_of(d));
  const float* x = lab.random(count, -3, 3);
  float* y = lab.output(count);
  lrn_forward(lab.context(), y, x, d);
  lab.record("y", y, count, 1e-5);

  lab.begin("lrn_backward", text_of(d));
  const float *x2 = lab.random(count, -3, 3), *dy = lab.random(count);
  float* dx = lab.output(count);
  lrn_backward(lab.context(), dx, x2, dy, d);
  lab.record("dx", dx, count, 1e-5);
}

void run_softmax(Lab& lab, const SoftmaxDesc& d) {
  const int64_t count = int64_t{d.rows} * d.cols;
  lab.begin("softmax_forward", text_of(d));
  const float* x = lab.random(count, -20, 20);
  float* y = lab.output(count);
  softmax_forward(lab.context(), y, x, d);
  lab.record("y", y, count, 1e-5);

  lab.begin("softmax_backward", text_of(d));
  const float *y2 = lab.random(count, 0, 1), *dy = lab.random(count);
  float* dx = lab.output(count);
  softmax_backward(lab.context(), dx, y2, dy, d);
  lab.record("dx", dx, count, 1e-5);
}

void run_scale(Lab& lab, const ScaleDesc& d) {
  const int64_t count = int64_t{d.rows} * d.c;
  lab.begin("scale_forward", text_of(d));
  const float *x = lab.random(count), *gain = lab.random(d.c);
  float* y = lab.output(count);
  scale_forward(lab.context(), y, x, gain, d);
  lab.record("y", y, count, 0);

  lab.begin("scale_backward_weights", text_of(d));
  const float *x2 = lab.random(count), *dy = lab.random(count);
  float* dgain = lab.output(d.c);
  scale_backward_weights(lab.context(), dgain, x2, dy, d, lab.workspace(scale_backward_weights_workspace(d), false));
  lab.record("dgain", dgain, d.c, 3e-5);
}

}  // namespace

void run_norms(Lab& lab) {
  run_bn(lab, {3, 5, 1e-5f, 0.9f, Activation::none, 0}, 0);
  run_bn(lab, {2 * 25 * 25, 32, 1e-5f, 0.9f, Activation::relu, 0}, 0);
  run_bn(lab, {777, 33, 1e-3f, 0.99f, Activation::silu, 0}, 0);
  run_bn(lab, {5000, 4, 1e-5f, 0.9f, Activation::relu6, 0}, 100);
  run_bn(lab, {98, 2048, 1e-5f, 0.9f, Activation::none, 0}, 0);
  for (const NormDesc& d : {NormDesc{5, 7, 1e-5f}, NormDesc{1000, 96, 1e-6f}, NormDesc{49, 768, 1e-6f}}) run_norm(lab, d);
  for (const LrnDesc& d : {LrnDesc{20, 7, 5, 1e-4f, 0.75f, 2}, LrnDesc{50, 64, 5, 0.3f, 0.75f, 1}, LrnDesc{9, 5, 4, 1, 0.5f, 1}}) run_lrn(lab, d);
  for (const SoftmaxDesc& d : {SoftmaxDesc{64, 10}, SoftmaxDesc{3, 1000}, SoftmaxDesc{1000, 2}}) run_softmax(lab, d);
  for (const ScaleDesc& d : {ScaleDesc{1000, 64}, ScaleDesc{7, 3}, ScaleDesc{70000, 5}}) run_scale(lab, d);
}

}  // namespace twin
