// Cases of the losses, of what is done to gradients, and of the optimisers.
#include "twin_lab.h"

namespace twin {
namespace {

using netrt::LossDesc;
using netrt::Metrics;

Metrics* metrics_of(Lab& lab) { return lab.upload(std::vector<Metrics>{{0.5, 2, 3}}); }

void record_metrics(Lab& lab, const Metrics* metrics) { lab.record_doubles("metrics", reinterpret_cast<const double*>(metrics), 3, 1e-5); }

void run_softmax_loss(Lab& lab, const LossDesc& d) {
  const int64_t rows = int64_t{d.n} * d.rows_per_sample, count = rows * d.cols;
  lab.begin("loss_softmax", text_of(d) + " valid=" + std::to_string(lab.run().valid));
  float* scores = lab.random(count, -10, 10);
  const int32_t* label = lab.upload(lab.integers(rows, d.cols));
  Metrics* metrics = metrics_of(lab);
  loss_softmax(lab.context(), scores, metrics, scores, label, d);
  lab.record("dscores", scores, count, 1e-5);
  record_metrics(lab, metrics);

  lab.begin("loss_softmax_evaluate", text_of(d) + " valid=" + std::to_string(lab.run().valid));
  const float* scores2 = lab.random(count, -10, 10);
  const int32_t* label2 = lab.upload(lab.integers(rows, d.cols));
  Metrics* metrics2 = metrics_of(lab);
  loss_softmax_evaluate(lab.context(), metrics2, scores2, label2, d);
  record_metrics(lab, metrics2);
}

using ElementLoss = void (*)(netrt::Context&, float*, Metrics*, const float*, const float*, const LossDesc&);
using ElementEvaluate = void (*)(netrt::Context&, Metrics*, const float*, const float*, const LossDesc&);

void run_element_loss(Lab& lab, const std::string& name, ElementLoss loss, ElementEvaluate evaluate, const LossDesc& d) {
  const int64_t count = int64_t{d.n} * d.rows_per_sample * d.cols;
  lab.begin(name, text_of(d) + " valid=" + std::to_string(lab.run().valid));
  float* scores = lab.random(count, -10, 10);
  const float* target = lab.random(count, 0, 1);
  Metrics* metrics = metrics_of(lab);
  loss(lab.context(), scores, metrics, scores, target, d);
  lab.record("dscores", scores, count, 1e-5);
  record_metrics(lab, metrics);

  lab.begin(name + "_evaluate", text_of(d) + " valid=" + std::to_string(lab.run().valid));
  const float *scores2 = lab.random(count, -10, 10), *target2 = lab.random(count, 0, 1);
  Metrics* metrics2 = metrics_of(lab);
  evaluate(lab.context(), metrics2, scores2, target2, d);
  record_metrics(lab, metrics2);
}

void run_gradients(Lab& lab, int64_t count) {
  const std::string text = "count=" + std::to_string(count);
  lab.begin("zero_fill", text);
  float* y = lab.random(count);
  zero_fill(lab.context(), y, {count * 4 - 3});
  lab.record_bytes("y", y, count * 4 - 3);

  lab.begin("accumulate", text);
  float* sum = lab.random(count);
  const float* g = lab.random(count);
  accumulate(lab.context(), sum, g, {count});
  lab.record("sum", sum, count, 0);

  lab.begin("square_sum", text);
  const float* g2 = lab.random(count);
  double* total = lab.upload(std::vector<double>{1.5});
  square_sum(lab.context(), total, g2, {count});
  lab.record_doubles("sum", total, 1, 1e-12);

  for (const double square : {0.01, 400.0}) {
    lab.begin("clip_scale", text + " sum=" + std::to_string(square));
    float* g3 = lab.random(count);
    const double* norm = lab.upload(std::vector<double>{square});
    clip_scale(lab.context(), g3, norm, {count, 5});
    lab.record("g", g3, count, 1e-6);
  }
}

void run_updates(Lab& lab, int64_t count) {
  const double tolerance = 3e-6;
  for (const netrt::SgdDesc& d : {netrt::SgdDesc{count, 0, 0, 0}, netrt::SgdDesc{count, 0.9f, 1e-2f, 0}, netrt::SgdDesc{count, 0.9f, 1e-2f, 1}}) {
    lab.begin("sgd_update", text_of(d));
    float *w = lab.random(count), *m = d.momentum != 0 ? lab.random(count) : nullptr;
    const float* g = lab.random(count);
    sgd_update(lab.context(), w, m, g, d);
    lab.record("w", w, count, tolerance);
    if (m != nullptr) lab.record("m", m, count, tolerance);
  }
  for (const int32_t decoupled : {0, 1}) {
    const netrt::AdamDesc d{count, 0.9f, 0.999f, 1e-8f, 1e-2f, decoupled};
    lab.begin("adam_update", text_of(d));
    float *w = lab.random(count), *m = lab.random(count), *v = lab.random(count, 0.01f, 1);
    const float* g = lab.random(count);
    adam_update(lab.context(), w, m, v, g, d);
    lab.record("w", w, count, tolerance);
    lab.record("m", m, count, tolerance);
    lab.record("v", v, count, tolerance);
  }
  for (const float momentum : {0.0f, 0.9f}) {
    const netrt::RmspropDesc d{count, 0.99f, 1e-8f, momentum, 1e-3f};
    lab.begin("rmsprop_update", text_of(d));
    float *w = lab.random(count), *v = lab.random(count, 0.01f, 1), *m = momentum != 0 ? lab.random(count) : nullptr;
    const float* g = lab.random(count);
    rmsprop_update(lab.context(), w, v, m, g, d);
    lab.record("w", w, count, tolerance);
    lab.record("v", v, count, tolerance);
    if (m != nullptr) lab.record("m", m, count, tolerance);
  }
}

}  // namespace

void run_losses_and_updates(Lab& lab) {
  for (const LossDesc& d : {LossDesc{64, 1, 10, 1, 0}, LossDesc{7, 1, 1000, 2, 0.1f}, LossDesc{3, 500, 4, 1, 0}, LossDesc{5, 1, 3, 4, 0.2f}}) {
    for (const int32_t valid : {d.n, d.n - 2, 0}) {
      lab.run().valid = valid;
      run_softmax_loss(lab, d);
      run_element_loss(lab, "loss_bce", netrt::loss_bce, netrt::loss_bce_evaluate, d);
      run_element_loss(lab, "loss_mse", netrt::loss_mse, netrt::loss_mse_evaluate, d);
    }
  }
  lab.run().learning_rate = 0.05f;
  lab.run().step = 3;
  for (const int64_t count : {int64_t{1}, int64_t{1003}, int64_t{300000}}) {
    run_gradients(lab, count);
    run_updates(lab, count);
  }
}

}  // namespace twin
