// Cases of what works on sequences of tokens: embeddings, positions, attention; and of the norms that came with it.
#include "twin_lab.h"

namespace twin {
namespace {

using netrt::AttnDesc;
using netrt::ClsDesc;
using netrt::EmbedDesc;
using netrt::GroupNormDesc;
using netrt::NormDesc;
using netrt::PositionDesc;
using netrt::RopeDesc;

void run_embed(Lab& lab, const EmbedDesc& d) {
  lab.begin("embed_forward", text_of(d));
  const int32_t* ids = lab.upload(lab.integers(d.rows, d.vocabulary));
  const float* w = lab.random(int64_t{d.vocabulary} * d.c);
  float* y = lab.output(int64_t{d.rows} * d.c);
  embed_forward(lab.context(), y, ids, w, d);
  lab.record("y", y, int64_t{d.rows} * d.c, 0);

  lab.begin("embed_backward", text_of(d));
  const int32_t* ids2 = lab.upload(lab.integers(d.rows, d.vocabulary));
  const float* dy = lab.random(int64_t{d.rows} * d.c);
  float* dw = lab.random(int64_t{d.vocabulary} * d.c);  // added to
  embed_backward(lab.context(), dw, ids2, dy, d);
  lab.record("dw", dw, int64_t{d.vocabulary} * d.c, 1e-6);
}

void run_position(Lab& lab, const PositionDesc& d) {
  const int64_t count = int64_t{d.n} * d.t * d.c, weights = int64_t{d.positions} * d.c;
  lab.begin("position_forward", text_of(d));
  float* x = lab.random(count);
  const float* w = lab.random(weights);
  position_forward(lab.context(), x, x, w, d);
  lab.record("y", x, count, 0);

  lab.begin("position_backward_weights", text_of(d));
  const float* dy = lab.random(count);
  float* dw = lab.output(weights);
  position_backward_weights(lab.context(), dw, dy, d);
  lab.record("dw", dw, weights, 1e-5);
}

void run_cls(Lab& lab, const ClsDesc& d) {
  const int64_t count = int64_t{d.n} * (d.t + 1) * d.c;
  lab.begin("cls_forward", text_of(d));
  const float *x = lab.random(int64_t{d.n} * d.t * d.c), *w = lab.random(d.c);
  float* y = lab.output(count);
  cls_forward(lab.context(), y, x, w, d);
  lab.record("y", y, count, 0);

  lab.begin("cls_backward_weights", text_of(d));
  const float* dy = lab.random(count);
  float* dw = lab.output(d.c);
  cls_backward_weights(lab.context(), dw, dy, d);
  lab.record("dw", dw, d.c, 1e-5);
}

void run_rope(Lab& lab, const RopeDesc& d) {
  const int64_t count = int64_t{d.n} * d.t * (d.heads + 2 * d.kv_heads) * d.size;
  for (const bool in_place : {true, false}) {
    lab.begin("rope_forward", text_of(d) + (in_place ? " in place" : ""));
    float* x = lab.random(count);
    float* y = in_place ? x : lab.output(count);
    rope_forward(lab.context(), y, x, d);
    lab.record("y", y, count, 1e-6);
  }
}

void run_rmsnorm(Lab& lab, const NormDesc& d) {
  const int64_t count = int64_t{d.rows} * d.c;
  for (const bool saves : {true, false}) {
    lab.begin("rmsnorm_forward", text_of(d) + (saves ? "" : " without statistics"));
    const float *x = lab.random(count), *gamma = lab.random(d.c);
    float *y = lab.output(count), *invrms = saves ? lab.output(d.rows) : nullptr;
    rmsnorm_forward(lab.context(), y, invrms, x, gamma, d);
    lab.record("y", y, count, 1e-5);
    if (saves) lab.record("invrms", invrms, d.rows, 1e-5);
  }
  for (const bool with_dx : {true, false}) {
    lab.begin("rmsnorm_backward", text_of(d) + (with_dx ? "" : " without dx"));
    const float *x = lab.random(count), *invrms = lab.random(d.rows, 1, 2), *gamma = lab.random(d.c);
    float *dy = lab.random(count), *dgamma = lab.output(d.c), *dx = with_dx ? dy : nullptr;
    rmsnorm_backward(lab.context(), dx, dgamma, x, invrms, gamma, dy, d, lab.workspace(rmsnorm_backward_workspace(d), false));
    if (with_dx) lab.record("dx", dx, count, 3e-5);
    lab.record("dgamma", dgamma, d.c, 3e-5);
  }
}

void run_groupnorm(Lab& lab, const GroupNormDesc& d) {
  const int64_t count = int64_t{d.n} * d.pixels * d.c, groups = int64_t{d.n} * d.groups;
  for (const bool saves : {true, false}) {
    lab.begin("groupnorm_forward", text_of(d) + (saves ? " in place" : " without statistics"));
    const std::vector<float> input = lab.numbers(count, 1, 3);
    float *x = lab.upload(input), *copy = lab.upload(input);
    const float *gamma = lab.random(d.c), *beta = lab.random(d.c);
    float *y = saves ? x : lab.output(count), *mean = saves ? lab.output(groups) : nullptr, *invstd = saves ? lab.output(groups) : nullptr;
    groupnorm_forward(lab.context(), y, mean, invstd, x, gamma, beta, d);
    lab.record("y", y, count, 3e-5);
    if (saves) lab.record("mean", mean, groups, 1e-5);
    if (!saves) continue;
    lab.record("invstd", invstd, groups, 3e-5);
    lab.continue_with("groupnorm_apply", text_of(d));
    float* again = lab.output(count);
    groupnorm_apply(lab.context(), again, copy, mean, invstd, gamma, beta, d);
    lab.record("y", again, count, 3e-5);
    lab.record_same("y of groupnorm_forward", y, again, count * sizeof(float));
  }
  for (const bool with_dx : {true, false}) {
    lab.begin("groupnorm_backward", text_of(d) + (with_dx ? "" : " without dx"));
    const float *x = lab.random(count), *mean = lab.random(groups, -0.1f, 0.1f), *invstd = lab.random(groups, 1, 2), *gamma = lab.random(d.c);
    float *dy = lab.random(count), *dgamma = lab.output(d.c), *dbeta = lab.output(d.c), *dx = with_dx ? dy : nullptr;
    groupnorm_backward(lab.context(), dx, dgamma, dbeta, x, mean, invstd, gamma, dy, d, lab.workspace(groupnorm_backward_workspace(d), false));
    if (with_dx) lab.record("dx", dx, count, 3e-5);
    lab.record("dgamma", dgamma, d.c, 3e-5);
    lab.record("dbeta", dbeta, d.c, 3e-5);
  }
}

/// The backward pass gets what the forward pass wrote, because the probabilities it makes again follow from lse.
void run_attn(Lab& lab, const AttnDesc& d, float spread) {
  const int64_t rows = int64_t{d.n} * d.t, packed = rows * (d.heads + 2 * d.kv_heads) * d.size, count = rows * d.heads * d.size, lines = rows * d.heads;
  const std::string text = text_of(d) + " spread " + std::to_string(spread);
  lab.begin("attn_forward", text);
  const float* qkv = lab.random(packed, -spread, spread);
  float *y = lab.output(count), *lse = lab.output(lines);
  attn_forward(lab.context(), y, lse, qkv, d, lab.workspace(attn_forward_workspace(d), false));
  lab.record("y", y, count, 1e-5);
  lab.record("lse", lse, lines, 1e-5);
  float* evaluated = lab.output(count);
  attn_forward(lab.context(), evaluated, nullptr, qkv, d, lab.workspace(attn_forward_workspace(d), false));
  lab.record("y without lse", evaluated, count, 1e-5);
  lab.record_same("y with lse", y, evaluated, count * sizeof(float));

  lab.continue_with("attn_backward", text);
  const float* dy = lab.random(count);
  float* dqkv = lab.output(packed);
  attn_backward(lab.context(), dqkv, qkv, y, lse, dy, d, lab.workspace(attn_backward_workspace(d), false));
  lab.record("dqkv", dqkv, packed, 1e-5);
}

}  // namespace

void run_sequences(Lab& lab) {
  lab.run().seed = 0x123456789abcdefull;
  lab.run().micro_step = 5;
  for (const EmbedDesc& d : {EmbedDesc{6, 4, 5}, EmbedDesc{700, 50, 32}, EmbedDesc{300, 1000, 7}}) run_embed(lab, d);
  for (const PositionDesc& d : {PositionDesc{3, 5, 7, 5}, PositionDesc{9, 33, 64, 40}}) run_position(lab, d);
  for (const ClsDesc& d : {ClsDesc{3, 5, 7}, ClsDesc{70, 16, 64}, ClsDesc{1, 1, 1}}) run_cls(lab, d);
  for (const RopeDesc& d : {RopeDesc{2, 9, 3, 3, 6, 0, 10000}, RopeDesc{2, 200, 4, 2, 64, 0, 10000}, RopeDesc{1, 50, 2, 1, 64, 1, 500000}}) run_rope(lab, d);
  for (const NormDesc& d : {NormDesc{5, 7, 1e-5f}, NormDesc{1000, 96, 1e-6f}, NormDesc{49, 768, 1e-6f}}) run_rmsnorm(lab, d);
  for (const GroupNormDesc& d : {GroupNormDesc{2, 5, 6, 3, 1e-5f}, GroupNormDesc{3, 49, 64, 32, 1e-5f}, GroupNormDesc{2, 130, 40, 5, 1e-5f},
                                 GroupNormDesc{2, 9, 600, 2, 1e-5f}, GroupNormDesc{1, 300, 33, 1, 1e-3f}, GroupNormDesc{2, 16, 30, 10, 1e-5f},
                                 GroupNormDesc{1, 7, 4800, 3, 1e-5f}}) {
    run_groupnorm(lab, d);
  }
  // Head sizes of one, two and four groups of columns, whole and not, and beyond what one block takes; grouped queries; lengths at and off the
  // tiles' edges; every causal and dropping.
  for (const AttnDesc& d : {AttnDesc{1, 1, 1, 1, 4, 0, 0, 0}, AttnDesc{2, 5, 2, 2, 3, 1, 0, 0}, AttnDesc{2, 64, 3, 3, 64, 1, 0, 0}, AttnDesc{1, 65, 4, 2, 32, 0, 0, 0},
                            AttnDesc{2, 130, 6, 2, 16, 1, 0.2f, 3}, AttnDesc{1, 77, 2, 1, 48, 0, 0.5f, 4}, AttnDesc{1, 128, 2, 1, 80, 1, 0.1f, 5},
                            AttnDesc{1, 67, 1, 1, 128, 0, 0, 0}, AttnDesc{1, 70, 3, 1, 101, 1, 0.3f, 6}, AttnDesc{1, 90, 2, 2, 256, 1, 0, 0},
                            AttnDesc{1, 20, 2, 1, 192, 0, 0.25f, 7}, AttnDesc{1, 70, 2, 1, 300, 1, 0.1f, 8}, AttnDesc{1, 9, 1, 1, 8, 0, 1.0f, 9}}) {
    run_attn(lab, d, 1);
  }
  run_attn(lab, {1, 100, 2, 2, 64, 1, 0, 0}, 6);  // scores of tens: the running maximum matters
}

}  // namespace twin
