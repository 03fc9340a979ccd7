// Cases of the activations and of what moves or joins values.
#include "twin_lab.h"

namespace twin {
namespace {

using netrt::ActDesc;
using netrt::Activation;

bool has_mask(Activation a) {
  return a == Activation::relu || a == Activation::relu6 || a == Activation::leaky || a == Activation::hardsigmoid;
}
bool from_output(Activation a) {
  return has_mask(a) || a == Activation::elu || a == Activation::sigmoid || a == Activation::tanh;
}

void run_activation(Lab& lab, const ActDesc& d) {
  const double tolerance = 2e-6;
  const int64_t mask_bytes = (d.count + 7) / 8;
  lab.begin("act_forward", text_of(d));
  const std::vector<float> input = lab.numbers(d.count, -8, 8);
  float *in_place = lab.upload(input), *without = lab.upload(input);
  uint8_t* mask = has_mask(d.activation) ? lab.output_bytes(mask_bytes) : nullptr;
  act_forward(lab.context(), in_place, mask, in_place, d);
  lab.record("y", in_place, d.count, tolerance);
  if (mask != nullptr) {
    lab.record_bytes("mask", mask, mask_bytes);
    act_forward(lab.context(), without, nullptr, without, d);
    lab.record_same("y with a mask", in_place, without, d.count * sizeof(float));
    lab.continue_with("act_mask", text_of(d));
    uint8_t* again = lab.output_bytes(mask_bytes);
    act_mask(lab.context(), again, in_place, d);
    lab.record_bytes("mask", again, mask_bytes);
    lab.record_same("mask of act_forward", mask, again, mask_bytes);
  }

  lab.begin("act_backward_from_input", text_of(d));
  const float *x = lab.random(d.count, -8, 8), *dy = lab.random(d.count);
  float* dx = lab.output(d.count);
  act_backward_from_input(lab.context(), dx, x, dy, d);
  lab.record("dx", dx, d.count, tolerance);

  if (from_output(d.activation)) {
    lab.begin("act_backward_from_output", text_of(d));
    const float *y = lab.random(d.count, -1, 8), *dy2 = lab.random(d.count);
    float* dx2 = lab.output(d.count);
    act_backward_from_output(lab.context(), dx2, y, dy2, d);
    lab.record("dx", dx2, d.count, tolerance);
  }
  if (has_mask(d.activation)) {
    lab.begin("act_backward_from_mask", text_of(d));
    std::vector<uint8_t> bits;
    for (const int32_t value : lab.integers(mask_bytes, 256)) bits.push_back(static_cast<uint8_t>(value));
    const uint8_t* given = lab.upload(bits);
    float* gradient = lab.random(d.count);
    act_backward_from_mask(lab.context(), gradient, given, gradient, d);
    lab.record("dx", gradient, d.count, tolerance);
  }
}

void run_joins(Lab& lab, int64_t count) {
  for (const Activation activation : {Activation::none, Activation::relu}) {
    const netrt::AddDesc d{count, activation, 0};
    lab.begin("add_forward", text_of(d));
    float* a = lab.random(count);
    const float* b = lab.random(count);
    add_forward(lab.context(), a, a, b, d);
    lab.record("y", a, count, 0);
  }
  for (const float p : {0.0f, 0.3f, 0.9f, 1.0f}) {
    const netrt::DropDesc d{count, p, 3};
    lab.begin("drop_forward", text_of(d));
    const float* x = lab.random(count, 1, 2);
    float* y = lab.output(count);
    drop_forward(lab.context(), y, x, d);
    lab.record("y", y, count, 1e-7);
  }
}

void run_product(Lab& lab, const netrt::MulDesc& d) {
  const int64_t count = int64_t{d.n} * d.pixels * d.c, small = int64_t{d.n} * d.c;
  lab.begin("mul_forward", text_of(d));
  const float *a = lab.random(count), *b = lab.random(d.broadcast != 0 ? small : count);
  float* y = lab.output(count);
  mul_forward(lab.context(), y, a, b, d);
  lab.record("y", y, count, 0);
  if (d.broadcast == 0) return;
  lab.begin("mul_reduce", text_of(d));
  const float *a2 = lab.random(count), *dy = lab.random(count);
  float* db = lab.output(small);
  mul_reduce(lab.context(), db, a2, dy, d);
  lab.record("db", db, small, 2e-5);
}

void run_channels(Lab& lab, const netrt::ChannelsDesc& d) {
  lab.begin("channels_copy", text_of(d));
  const float* x = lab.random(int64_t{d.rows} * d.src_c);
  float* y = lab.output(int64_t{d.rows} * d.dst_c);
  channels_copy(lab.context(), y, x, d);
  lab.record("y", y, int64_t{d.rows} * d.dst_c, 0);

  lab.begin("channels_scatter", text_of(d));
  const float* x2 = lab.random(int64_t{d.rows} * d.src_c);
  float* y2 = lab.output(int64_t{d.rows} * d.dst_c);
  channels_scatter(lab.context(), y2, x2, d);
  lab.record("y", y2, int64_t{d.rows} * d.dst_c, 0);
}

void run_shuffle(Lab& lab, const netrt::ShuffleDesc& d) {
  lab.begin("shuffle_forward", text_of(d));
  const float* x = lab.random(int64_t{d.rows} * d.c);
  float* y = lab.output(int64_t{d.rows} * d.c);
  shuffle_forward(lab.context(), y, x, d);
  lab.record("y", y, int64_t{d.rows} * d.c, 0);
}

void run_place(Lab& lab, const netrt::PlaceDesc& d) {
  lab.begin("place_forward", text_of(d));
  const float* x = lab.random(int64_t{d.n} * d.h * d.w * d.c);
  float* y = lab.output(int64_t{d.n} * d.oh * d.ow * d.c);
  place_forward(lab.context(), y, x, d);
  lab.record("y", y, int64_t{d.n} * d.oh * d.ow * d.c, 0);
}

}  // namespace

void run_elementwise(Lab& lab) {
  lab.run().seed = 1234;
  lab.run().micro_step = 17;
  for (int32_t a = 0; a <= static_cast<int32_t>(Activation::hardsigmoid); ++a) {
    for (const int64_t count : {int64_t{1}, int64_t{1003}, int64_t{40000}}) run_activation(lab, {count, static_cast<Activation>(a), 0.2f});
  }
  for (const int64_t count : {int64_t{2}, int64_t{1001}, int64_t{65536}}) run_joins(lab, count);
  for (const netrt::MulDesc& d : {netrt::MulDesc{3, 49, 32, 1}, netrt::MulDesc{2, 5, 7, 1}, netrt::MulDesc{2, 400, 33, 1}, netrt::MulDesc{3, 11, 5, 0}}) {
    run_product(lab, d);
  }
  for (const netrt::ChannelsDesc& d : {netrt::ChannelsDesc{50, 8, 16, 4, 24, 12}, netrt::ChannelsDesc{33, 5, 9, 2, 11, 6}, netrt::ChannelsDesc{7, 4, 4, 0, 4, 0},
                                       netrt::ChannelsDesc{20, 64, 64, 0, 256, 128}}) {
    run_channels(lab, d);
  }
  for (const netrt::ShuffleDesc& d : {netrt::ShuffleDesc{30, 24, 3}, netrt::ShuffleDesc{5, 10, 5}, netrt::ShuffleDesc{5, 10, 2}}) run_shuffle(lab, d);
  for (const netrt::PlaceDesc& d : {netrt::PlaceDesc{2, 5, 6, 4, 9, 8, 2, 1}, netrt::PlaceDesc{2, 9, 8, 3, 5, 6, -2, -1}, netrt::PlaceDesc{1, 4, 4, 8, 4, 4, 3, -3}}) {
    run_place(lab, d);
  }
}

}  // namespace twin
