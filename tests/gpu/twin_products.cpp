// Cases of the convolutions and fully connected layers, each with the least workspace and with plenty.
#include "twin_lab.h"

namespace twin {
namespace {

using netrt::Activation;
using netrt::ConvDesc;
using netrt::FcDesc;

// Sums of up to some thousand terms in another order, and for convolutions Winograd's transforms; TF32 would be ten times worse.
constexpr double kConvTolerance = 1e-4, kFcTolerance = 3e-5;

int32_t out_size(int32_t in, int32_t kernel, int32_t stride, int32_t before, int32_t after, int32_t dilation) {
  return (in + before + after - (kernel - 1) * dilation - 1) / stride + 1;
}

ConvDesc conv(int32_t n, int32_t h, int32_t w, int32_t c, int32_t k, int32_t r, int32_t stride, int32_t before, int32_t after, int32_t dilation,
              int32_t groups, Activation activation = Activation::none) {
  return {n,      h,      w,      c,      k,        r,        r, out_size(h, r, stride, before, after, dilation), out_size(w, r, stride, before, after, dilation),
          stride, stride, before, before, dilation, dilation, groups, activation, 0.1f};
}

std::vector<ConvDesc> conv_shapes() {
  return {conv(2, 9, 8, 3, 5, 3, 1, 1, 1, 1, 1),
          conv(2, 50, 50, 3, 32, 3, 1, 1, 1, 1, 1, Activation::relu),
          conv(2, 25, 25, 32, 64, 3, 1, 1, 1, 1, 1, Activation::relu),
          conv(2, 14, 14, 64, 256, 1, 1, 0, 0, 1, 1),
          conv(1, 14, 14, 256, 128, 1, 2, 0, 0, 1, 1),
          conv(1, 40, 40, 3, 64, 7, 2, 3, 3, 1, 1),
          conv(2, 28, 28, 1, 20, 5, 1, 0, 0, 1, 1),
          conv(2, 12, 12, 20, 50, 5, 1, 0, 0, 1, 1, Activation::leaky),
          conv(1, 16, 16, 8, 12, 3, 2, 0, 1, 1, 1, Activation::silu),  // TensorFlow's "same" with stride 2
          conv(1, 17, 15, 16, 16, 3, 1, 2, 2, 2, 1),
          conv(2, 13, 13, 12, 24, 3, 1, 1, 1, 1, 4, Activation::relu6),
          conv(2, 13, 13, 6, 12, 3, 2, 1, 1, 1, 6),
          conv(2, 15, 15, 32, 32, 3, 1, 1, 1, 1, 32, Activation::relu6),
          conv(2, 14, 14, 5, 5, 5, 2, 2, 2, 1, 5),
          conv(3, 30, 30, 16, 70, 3, 1, 1, 1, 1, 1)};
}

int64_t in_count(const ConvDesc& d) { return int64_t{d.n} * d.h * d.w * d.c; }
int64_t out_count(const ConvDesc& d) { return int64_t{d.n} * d.oh * d.ow * d.k; }
int64_t weight_count(const ConvDesc& d) { return int64_t{d.k} * d.r * d.s * (d.c / d.groups); }

void run_conv(Lab& lab, const ConvDesc& d, bool bias, bool generous) {
  const std::string text = text_of(d) + (bias ? " bias" : "") + (generous ? " roomy" : "");
  lab.begin("conv_forward", text);
  const float *x = lab.random(in_count(d)), *w = lab.random(weight_count(d)), *b = bias ? lab.random(d.k) : nullptr;
  float* y = lab.output(out_count(d));
  conv_forward(lab.context(), y, x, w, b, d, lab.workspace(conv_forward_workspace(d), generous));
  lab.record("y", y, out_count(d), kConvTolerance);

  lab.begin("conv_backward_data", text);
  const float *dy = lab.random(out_count(d)), *w2 = lab.random(weight_count(d));
  float* dx = lab.output(in_count(d));
  conv_backward_data(lab.context(), dx, dy, w2, d, lab.workspace(conv_backward_data_workspace(d), generous));
  lab.record("dx", dx, in_count(d), kConvTolerance);

  lab.begin("conv_backward_weights", text);
  const float *x2 = lab.random(in_count(d)), *dy2 = lab.random(out_count(d));
  float *dw = lab.output(weight_count(d)), *db = bias ? lab.output(d.k) : nullptr;
  conv_backward_weights(lab.context(), dw, db, x2, dy2, d, lab.workspace(conv_backward_weights_workspace(d), generous));
  lab.record("dw", dw, weight_count(d), kConvTolerance);
  if (bias) lab.record("db", db, d.k, kConvTolerance);
}

void run_deconv(Lab& lab, const ConvDesc& d, bool bias, bool generous) {
  const std::string text = text_of(d) + (bias ? " bias" : "") + (generous ? " roomy" : "");
  lab.begin("deconv_forward", text);
  const float *x = lab.random(out_count(d)), *w = lab.random(weight_count(d)), *b = bias ? lab.random(d.c) : nullptr;
  float* y = lab.output(in_count(d));
  deconv_forward(lab.context(), y, x, w, b, d, lab.workspace(deconv_forward_workspace(d), generous));
  lab.record("y", y, in_count(d), kConvTolerance);

  lab.begin("deconv_backward_data", text);
  const float *dy = lab.random(in_count(d)), *w2 = lab.random(weight_count(d));
  float* dx = lab.output(out_count(d));
  deconv_backward_data(lab.context(), dx, dy, w2, d, lab.workspace(deconv_backward_data_workspace(d), generous));
  lab.record("dx", dx, out_count(d), kConvTolerance);

  lab.begin("deconv_backward_weights", text);
  const float *x2 = lab.random(out_count(d)), *dy2 = lab.random(in_count(d));
  float *dw = lab.output(weight_count(d)), *db = bias ? lab.output(d.c) : nullptr;
  deconv_backward_weights(lab.context(), dw, db, x2, dy2, d, lab.workspace(deconv_backward_weights_workspace(d), generous));
  lab.record("dw", dw, weight_count(d), kConvTolerance);
  if (bias) lab.record("db", db, d.c, kConvTolerance);
}

void run_fc(Lab& lab, const FcDesc& d, bool bias, bool generous) {
  const std::string text = text_of(d) + (bias ? " bias" : "") + (generous ? " roomy" : "");
  const int64_t in = int64_t{d.rows} * d.in, out = int64_t{d.rows} * d.out, weights = int64_t{d.in} * d.out;
  lab.begin("fc_forward", text);
  const float *x = lab.random(in), *w = lab.random(weights), *b = bias ? lab.random(d.out) : nullptr;
  float* y = lab.output(out);
  fc_forward(lab.context(), y, x, w, b, d, lab.workspace(fc_forward_workspace(d), generous));
  lab.record("y", y, out, kFcTolerance);

  lab.begin("fc_backward_data", text);
  const float *dy = lab.random(out), *w2 = lab.random(weights);
  float* dx = lab.output(in);
  fc_backward_data(lab.context(), dx, dy, w2, d, lab.workspace(fc_backward_data_workspace(d), generous));
  lab.record("dx", dx, in, kFcTolerance);

  lab.begin("fc_backward_weights", text);
  const float *x2 = lab.random(in), *dy2 = lab.random(out);
  float *dw = lab.output(weights), *db = bias ? lab.output(d.out) : nullptr;
  fc_backward_weights(lab.context(), dw, db, x2, dy2, d, lab.workspace(fc_backward_weights_workspace(d), generous));
  lab.record("dw", dw, weights, kFcTolerance);
  if (bias) lab.record("db", db, d.out, kFcTolerance);
}

}  // namespace

void run_products(Lab& lab) {
  bool bias = false;
  for (const ConvDesc& d : conv_shapes()) {
    for (const bool generous : {false, true}) {
      bias = !bias;  // both, over the shapes
      run_conv(lab, d, bias, generous);
    }
    bias = !bias;
  }
  for (const ConvDesc& d : {conv(2, 16, 16, 8, 12, 2, 2, 0, 0, 1, 1), conv(1, 17, 17, 3, 6, 4, 2, 1, 1, 1, 1, Activation::relu),
                            conv(2, 9, 9, 6, 4, 3, 1, 1, 1, 1, 2, Activation::silu), conv(2, 11, 11, 8, 8, 3, 2, 1, 1, 1, 8, Activation::relu)}) {
    for (const bool generous : {false, true}) run_deconv(lab, d, generous, generous);
    run_deconv(lab, d, true, false);
  }
  for (const FcDesc& d : {FcDesc{5, 7, 3, Activation::none, 0}, FcDesc{64, 9216, 500, Activation::relu, 0}, FcDesc{64, 500, 10, Activation::none, 0},
                          FcDesc{300, 130, 66, Activation::tanh, 0}, FcDesc{1, 1024, 1000, Activation::relu, 0}}) {
    for (const bool with_bias : {false, true}) {
      for (const bool generous : {false, true}) run_fc(lab, d, with_bias, generous);
    }
  }
}

}  // namespace twin
