// The kernels of a training program: one signature each, the same for runtime/cpu and runtime/cuda.
//
// Layout: activations are N x H x W x C (channels last), float32, dense; flat vectors are 1 x 1 x C. Convolution weights are
// K x R x S x C/groups, fully connected weights out x in, transposed convolution weights C_in x R x S x C_out/groups.
// Order of arguments: context, what is written (or read and written), what is only read, constants, workspace.
// A pointer documented as "or null" may be nullptr; the others may not. "in place" means the two may be the same memory.
// A `Workspace` is scratch: the kernel picks the fastest algorithm that fits in it and must work with
// `<kernel>_workspace(desc)` bytes. Every kernel is deterministic: the same inputs and as many bytes of workspace give the same bits, whatever
// the number of threads, which "or null" outputs a forward kernel is given, and wherever the buffers lie (at multiples of 256 bytes).
// Errors of a library end the program with a message that names the kernel (see fail() in the context header).
#pragma once

#include <cstddef>
#include <cstdint>

namespace netrt {

struct Context;  // runtime/<target>/context.h

struct Workspace {
  void* data = nullptr;
  size_t bytes = 0;
};

enum class Activation : int32_t {
  none, relu, relu6, leaky, elu, gelu_erf, gelu_tanh, silu, sigmoid, tanh, hardswish, hardsigmoid
};

// Each desc lists its fields through `fields(v)`, which calls v(name, member): the interpreter fills it by name.
/// A convolution from (n, h, w, c) to (n, oh, ow, k). For a transposed convolution this is the convolution whose data
/// gradient it is: (h, w, c) is the layer's output, (oh, ow, k) its input.
/// pad_top and pad_left may differ from what the bottom and right imply (TensorFlow's "same").
struct ConvDesc {
  int32_t n, h, w, c, k, r, s, oh, ow, stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, groups;
  Activation activation;  ///< applied to the result of the forward kernel; the backward kernels ignore it
  float alpha;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("h", h); v("w", w); v("c", c); v("k", k); v("r", r); v("s", s); v("oh", oh); v("ow", ow); v("stride_h", stride_h);
    v("stride_w", stride_w); v("pad_top", pad_top); v("pad_left", pad_left); v("dilation_h", dilation_h); v("dilation_w", dilation_w);
    v("groups", groups); v("activation", activation); v("alpha", alpha);
  }
};

/// y[rows, out] = x[rows, in] w^T + b, then the activation (forward only).
struct FcDesc {
  int32_t rows, in, out;
  Activation activation;
  float alpha;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("in", in); v("out", out); v("activation", activation); v("alpha", alpha);
  }
};

/// A window of r x s over (n, h, w, c) to (n, oh, ow, c). index_bytes: 1 or 2, for max-pooling's index.
/// count_pad: 1, average pooling divides by r*s also where the window leaves the input; 2, by what it covers of the input with pad_top and
/// pad_left on both sides (PyTorch's, where `ceil` lets a window leave that too); 0, by what it covers of the input.
struct PoolDesc {
  int32_t n, h, w, c, r, s, oh, ow, stride_h, stride_w, pad_top, pad_left, index_bytes, count_pad;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("h", h); v("w", w); v("c", c); v("r", r); v("s", s); v("oh", oh); v("ow", ow); v("stride_h", stride_h); v("stride_w", stride_w);
    v("pad_top", pad_top); v("pad_left", pad_left); v("index_bytes", index_bytes); v("count_pad", count_pad);
  }
};

/// (n, h, w, c) to (n, h*factor, w*factor, c); bilinear is PyTorch's align_corners=False.
struct UpsampleDesc {
  int32_t n, h, w, c, factor, bilinear;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("h", h); v("w", w); v("c", c); v("factor", factor); v("bilinear", bilinear);
  }
};

/// Batch norm over `rows` = n*h*w values of each of c channels. running = keep * running + (1 - keep) * batch (variance unbiased, as PyTorch's).
struct BnDesc {
  int32_t rows, c;
  float eps, keep;
  Activation activation;  ///< fused: forward applies it, backward undoes it from x and the statistics
  float alpha;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("c", c); v("eps", eps); v("keep", keep); v("activation", activation); v("alpha", alpha);
  }
};

/// Layer norm (Ba, Kiros, Hinton 2016, arXiv:1607.06450) of each of `rows` rows of c values.
struct NormDesc {
  int32_t rows, c;
  float eps;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("c", c); v("eps", eps);
  }
};

/// Group norm (Wu and He 2018, arXiv:1803.08494): each sample's `pixels` x c/groups values of a group to mean 0 and variance 1.
struct GroupNormDesc {
  int32_t n, pixels, c, groups;
  float eps;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("pixels", pixels); v("c", c); v("groups", groups); v("eps", eps);
  }
};

/// Rows of c values out of a table of `vocabulary` of them.
struct EmbedDesc {
  int32_t rows, vocabulary, c;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("vocabulary", vocabulary); v("c", c);
  }
};

/// n sequences of t tokens of c values; the weight has `positions` >= t rows.
struct PositionDesc {
  int32_t n, t, c, positions;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("t", t); v("c", c); v("positions", positions);
  }
};

/// n sequences of t tokens of c values become t + 1 tokens: the weight comes first.
struct ClsDesc {
  int32_t n, t, c;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("t", t); v("c", c);
  }
};

/// Rotary position embedding (Su et al. 2021, arXiv:2104.09864) of packed rows of (heads + 2 kv_heads) x size values: queries and keys are
/// turned, values copied. Element i < size/2 of a head is paired with element i + size/2 (as LLaMA's code has it) and turned by
/// position * base^(-2i/size), backwards where `inverse` is 1.
struct RopeDesc {
  int32_t n, t, heads, kv_heads, size, inverse;
  float base;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("t", t); v("heads", heads); v("kv_heads", kv_heads); v("size", size); v("inverse", inverse); v("base", base);
  }
};

/// Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762) over packed rows: a token's row of qkv is heads x size queries,
/// kv_heads x size keys, kv_heads x size values; query head i reads key and value head i / (heads / kv_heads). Scores are divided by
/// sqrt(size); causal: token i sees tokens 0..i. p > 0: probabilities are dropped as DropDesc says; element
/// ((sample * heads + head) * t + i) * t + j of the stream belongs to query i and key j.
struct AttnDesc {
  int32_t n, t, heads, kv_heads, size, causal;
  float p;
  int32_t stream;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("t", t); v("heads", heads); v("kv_heads", kv_heads); v("size", size); v("causal", causal); v("p", p); v("stream", stream);
  }
};

/// A recurrent layer over n sequences of t tokens in `directions` (1, or 2: forward, then backward in time). A token's row holds direction
/// after direction: of `projected` and the gates, gates x hidden values each (4 gates of an LSTM: input, forget, cell, output; 3 of a GRU:
/// reset, update, new: PyTorch's order); of y, hidden values each. Weights: (directions * gates * hidden) x hidden.
struct RecurrentDesc {
  int32_t n, t, hidden, directions;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("t", t); v("hidden", hidden); v("directions", directions);
  }
};

struct ActDesc {
  int64_t count;
  Activation activation;
  float alpha;  ///< leaky: slope; elu: scale
  template <class V>
  void fields(V&& v) {
    v("count", count); v("activation", activation); v("alpha", alpha);
  }
};

struct SoftmaxDesc {
  int32_t rows, cols;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("cols", cols);
  }
};

/// Across channels, PyTorch's formula: y = x / (k + alpha/size * sum of squares over `size` channels)^beta.
/// The window of channel i is i - size/2 to i + (size-1)/2.
struct LrnDesc {
  int32_t rows, c, size;
  float alpha, beta, k;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("c", c); v("size", size); v("alpha", alpha); v("beta", beta); v("k", k);
  }
};

/// Keeps an element with probability 1-p and divides it by 1-p. Which ones follows from ctx.run.seed, ctx.run.micro_step and
/// `stream` alone (runtime/random.h), so the backward pass makes the same mask again.
struct DropDesc {
  int64_t count;
  float p;
  int32_t stream;
  template <class V>
  void fields(V&& v) {
    v("count", count); v("p", p); v("stream", stream);
  }
};

struct ScaleDesc {
  int32_t rows, c;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("c", c);
  }
};

/// y[row, j*groups + g] = x[row, g*(c/groups) + j]: channel shuffle. Its backward is the shuffle with c/groups groups.
struct ShuffleDesc {
  int32_t rows, c, groups;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("c", c); v("groups", groups);
  }
};

/// Copies c channels of each row from channel src_first of src_c to channel dst_first of dst_c.
struct ChannelsDesc {
  int32_t rows, c, src_c, src_first, dst_c, dst_first;
  template <class V>
  void fields(V&& v) {
    v("rows", rows); v("c", c); v("src_c", src_c); v("src_first", src_first); v("dst_c", dst_c); v("dst_first", dst_first);
  }
};

/// y (n, oh, ow, c) shows x (n, h, w, c) shifted: y[i, j] = x[i - top, j - left], 0 outside. Padding, and cropping with negative shifts.
struct PlaceDesc {
  int32_t n, h, w, c, oh, ow, top, left;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("h", h); v("w", w); v("c", c); v("oh", oh); v("ow", ow); v("top", top); v("left", left);
  }
};

/// y = activation(a + b).
struct AddDesc {
  int64_t count;
  Activation activation;
  float alpha;
  template <class V>
  void fields(V&& v) {
    v("count", count); v("activation", activation); v("alpha", alpha);
  }
};

/// y[n, p, c] = a[n, p, c] * b, with b[n, p, c], or b[n, c] where broadcast is 1.
struct MulDesc {
  int32_t n, pixels, c, broadcast;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("pixels", pixels); v("c", c); v("broadcast", broadcast);
  }
};

/// `rows` scores of `cols` each for every sample; the loss is the mean over n * rows_per_sample (softmax) or over all elements (bce, mse).
/// Only the first ctx.run.valid samples count; the gradient of the others is 0. The mean divides by ctx.run.valid samples too,
/// and the gradient is also divided by `micro_steps`.
struct LossDesc {
  int32_t n, rows_per_sample, cols, micro_steps;
  float smooth;
  template <class V>
  void fields(V&& v) {
    v("n", n); v("rows_per_sample", rows_per_sample); v("cols", cols); v("micro_steps", micro_steps); v("smooth", smooth);
  }
};

struct CountDesc {
  int64_t count;
  template <class V>
  void fields(V&& v) {
    v("count", count);
  }
};

/// PyTorch's SGD: g += decay * w; m = momentum * m + g; w -= rate * (nesterov ? g + momentum * m : m). m starts at 0.
struct SgdDesc {
  int64_t count;
  float momentum, decay;
  int32_t nesterov;
  template <class V>
  void fields(V&& v) {
    v("count", count); v("momentum", momentum); v("decay", decay); v("nesterov", nesterov);
  }
};

/// PyTorch's Adam (decoupled = 0) and AdamW (decoupled = 1); bias correction with ctx.run.step, which counts from 1.
struct AdamDesc {
  int64_t count;
  float beta1, beta2, eps, decay;
  int32_t decoupled;
  template <class V>
  void fields(V&& v) {
    v("count", count); v("beta1", beta1); v("beta2", beta2); v("eps", eps); v("decay", decay); v("decoupled", decoupled);
  }
};

/// PyTorch's RMSprop: v = keep * v + (1 - keep) * g^2; w -= rate * g / (sqrt(v) + eps), with momentum on that quotient where m is not null.
struct RmspropDesc {
  int64_t count;
  float keep, eps, momentum, decay;
  template <class V>
  void fields(V&& v) {
    v("count", count); v("keep", keep); v("eps", eps); v("momentum", momentum); v("decay", decay);
  }
};

struct ClipDesc {
  int64_t count;
  float limit;
  template <class V>
  void fields(V&& v) {
    v("count", count); v("limit", limit);
  }
};

/// What kernels accumulate for the trainer: `metrics` points to one of these in the arena (state).
struct Metrics {
  double loss_sum;  ///< sum over samples of the sample's mean loss
  double correct;   ///< softmax: rows whose highest score is the label's, divided by rows_per_sample. bce: likewise the share of right signs. mse: 0
  double samples;
};

// ---- Convolution ---------------------------------------------------------------------------------
void conv_forward(Context&, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc&, Workspace);
void conv_backward_data(Context&, float* dx, const float* dy, const float* w, const ConvDesc&, Workspace);
void conv_backward_weights(Context&, float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc&, Workspace);
/// Transposed: y (n,h,w,c) from x (n,oh,ow,k), bias of c values.
void deconv_forward(Context&, float* y, const float* x, const float* w, const float* b_or_null, const ConvDesc&, Workspace);
void deconv_backward_data(Context&, float* dx, const float* dy, const float* w, const ConvDesc&, Workspace);
void deconv_backward_weights(Context&, float* dw, float* db_or_null, const float* x, const float* dy, const ConvDesc&, Workspace);

// ---- Fully connected -------------------------------------------------------------------------------
void fc_forward(Context&, float* y, const float* x, const float* w, const float* b_or_null, const FcDesc&, Workspace);
void fc_backward_data(Context&, float* dx, const float* dy, const float* w, const FcDesc&, Workspace);
void fc_backward_weights(Context&, float* dw, float* db_or_null, const float* x, const float* dy, const FcDesc&, Workspace);

// ---- Pooling, resampling ---------------------------------------------------------------------------
/// index: where in its window each maximum is (r * s positions, row by row; the first of equals); uint8 or uint16; null in evaluation.
void pool_forward(Context&, float* y, void* index_or_null, const float* x, const PoolDesc&);
void pool_backward(Context&, float* dx, const float* dy, const void* index, const PoolDesc&);
void avgpool_forward(Context&, float* y, const float* x, const PoolDesc&);
void avgpool_backward(Context&, float* dx, const float* dy, const PoolDesc&);
void upsample_forward(Context&, float* y, const float* x, const UpsampleDesc&);
void upsample_backward(Context&, float* dx, const float* dy, const UpsampleDesc&);

// ---- Normalisation ---------------------------------------------------------------------------------
/// Writes the batch's mean and 1/sqrt(var + eps), updates the running statistics. y may be in place of x only if x is not needed again.
void bn_forward(Context&, float* y, float* mean, float* invstd, float* running_mean, float* running_var, const float* x, const float* gamma,
                const float* beta, const BnDesc&, Workspace);
/// y as bn_forward leaves it, bit for bit, from the statistics it wrote. y may be in place of x.
void bn_apply(Context&, float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta, const BnDesc&);
/// y may be in place of x.
void bn_evaluate(Context&, float* y, const float* x, const float* gamma, const float* beta, const float* running_mean, const float* running_var,
                 const BnDesc&);
/// dx may be in place of dy, or null where nobody needs it. dgamma and dbeta are always written.
void bn_backward(Context&, float* dx_or_null, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd, const float* gamma,
                 const float* beta, const float* dy, const BnDesc&, Workspace);
/// Writes each row's mean and 1/sqrt(var + eps), unless they are null (evaluation). y may be in place of x only if x is not needed again.
void norm_forward(Context&, float* y, float* mean_or_null, float* invstd_or_null, const float* x, const float* gamma, const float* beta, const NormDesc&);
/// dx may be in place of dy, or null.
void norm_backward(Context&, float* dx_or_null, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd, const float* gamma,
                   const float* dy, const NormDesc&, Workspace);
/// Root mean square norm (Zhang and Sennrich 2019, arXiv:1910.07467): y = x / sqrt(mean of x^2 + eps) * gamma. Writes each row's
/// 1/sqrt(mean + eps), unless null. y may be in place of x only if x is not needed again.
void rmsnorm_forward(Context&, float* y, float* invrms_or_null, const float* x, const float* gamma, const NormDesc&);
/// dx may be in place of dy, or null.
void rmsnorm_backward(Context&, float* dx_or_null, float* dgamma, const float* x, const float* invrms, const float* gamma, const float* dy, const NormDesc&,
                      Workspace);
/// mean, invstd: n x groups. y may be in place of x only if x is not needed again.
void groupnorm_forward(Context&, float* y, float* mean_or_null, float* invstd_or_null, const float* x, const float* gamma, const float* beta,
                       const GroupNormDesc&);
/// y as groupnorm_forward leaves it, bit for bit, from the statistics it wrote. y may be in place of x.
void groupnorm_apply(Context&, float* y, const float* x, const float* mean, const float* invstd, const float* gamma, const float* beta,
                     const GroupNormDesc&);
/// dx may be in place of dy, or null.
void groupnorm_backward(Context&, float* dx_or_null, float* dgamma, float* dbeta, const float* x, const float* mean, const float* invstd,
                        const float* gamma, const float* dy, const GroupNormDesc&, Workspace);
void lrn_forward(Context&, float* y, const float* x, const LrnDesc&);
void lrn_backward(Context&, float* dx, const float* x, const float* dy, const LrnDesc&);

// ---- Sequences -------------------------------------------------------------------------------------
void embed_forward(Context&, float* y, const int32_t* ids, const float* w, const EmbedDesc&);
/// Adds to dw, where each id's rows are added in their order.
void embed_backward(Context&, float* dw, const int32_t* ids, const float* dy, const EmbedDesc&);
void position_forward(Context&, float* y, const float* x, const float* w, const PositionDesc&);  // y may be x
/// Rows beyond t become 0.
void position_backward_weights(Context&, float* dw, const float* dy, const PositionDesc&);
void cls_forward(Context&, float* y, const float* x, const float* w, const ClsDesc&);
void cls_backward_weights(Context&, float* dw, const float* dy, const ClsDesc&);
void rope_forward(Context&, float* y, const float* x, const RopeDesc&);  // y may be x; its own backward with `inverse`
/// lse: n x heads x t, the logarithm of the sum of exponentials of each row of scores. No t x t tensor is kept or made.
void attn_forward(Context&, float* y, float* lse_or_null, const float* qkv, const AttnDesc&, Workspace);
void attn_backward(Context&, float* dqkv, const float* qkv, const float* y, const float* lse, const float* dy, const AttnDesc&, Workspace);
/// projected: x w_ih^T + b_ih. Keeps the gates after their activations and the cells' states, unless null (evaluation). gates may be projected.
void lstm_forward(Context&, float* gates_or_null, float* y, float* cells_or_null, const float* projected, const float* w, const float* b_or_null,
                  const RecurrentDesc&, Workspace);
/// dprojected may be gates.
void lstm_backward(Context&, float* dprojected, float* dw, float* db_or_null, const float* gates, const float* cells, const float* y, const float* w,
                   const float* dy, const RecurrentDesc&, Workspace);
/// inner: w_hn h + b_hn of the new gate, which reset multiplies.
void gru_forward(Context&, float* gates_or_null, float* y, float* inner_or_null, const float* projected, const float* w, const float* b_or_null,
                 const RecurrentDesc&, Workspace);
void gru_backward(Context&, float* dprojected, float* dw, float* db_or_null, const float* gates, const float* inner, const float* y, const float* w,
                  const float* dy, const RecurrentDesc&, Workspace);

// ---- Elementwise -----------------------------------------------------------------------------------
/// In place allowed. mask: bit i (of byte i/8, lowest first) is set where the derivative of a relu-like activation is not its "off" value
/// (relu, leaky: x > 0; relu6: 0 < x < 6; hardsigmoid: 0 < x + 3 < 6); null where it is not needed.
void act_forward(Context&, float* y, uint8_t* mask_or_null, const float* x, const ActDesc&);
/// The mask that act_forward wrote beside this y, bit for bit.
void act_mask(Context&, uint8_t* mask, const float* y, const ActDesc&);  // relu relu6 leaky hardsigmoid
// In the three backward kernels dx may be dy.
void act_backward_from_output(Context&, float* dx, const float* y, const float* dy, const ActDesc&);  // relu relu6 leaky elu sigmoid tanh hardsigmoid
void act_backward_from_input(Context&, float* dx, const float* x, const float* dy, const ActDesc&);   // all
void act_backward_from_mask(Context&, float* dx, const uint8_t* mask, const float* dy, const ActDesc&);  // relu relu6 leaky hardsigmoid
void softmax_forward(Context&, float* y, const float* x, const SoftmaxDesc&);
void softmax_backward(Context&, float* dx, const float* y, const float* dy, const SoftmaxDesc&);
void drop_forward(Context&, float* y, const float* x, const DropDesc&);  // y may be x; its own backward: dx from dy
void scale_forward(Context&, float* y, const float* x, const float* gain, const ScaleDesc&);  // y may be x; dx from dy likewise
void scale_backward_weights(Context&, float* dgain, const float* x, const float* dy, const ScaleDesc&, Workspace);
void add_forward(Context&, float* y, const float* a, const float* b, const AddDesc&);  // y may be a or b
void mul_forward(Context&, float* y, const float* a, const float* b, const MulDesc&);  // y may be a
/// db of a broadcast product: db[n, c] = sum over pixels of a * dy.
void mul_reduce(Context&, float* db, const float* a, const float* dy, const MulDesc&);

// ---- Moving channels and pixels --------------------------------------------------------------------
void shuffle_forward(Context&, float* y, const float* x, const ShuffleDesc&);
/// Writes only the c channels named; the others of y stay as they are.
void channels_copy(Context&, float* y, const float* x, const ChannelsDesc&);
/// The same, and zeroes the other channels of y.
void channels_scatter(Context&, float* y, const float* x, const ChannelsDesc&);
void place_forward(Context&, float* y, const float* x, const PlaceDesc&);

// ---- Losses: the gradient of the mean loss replaces the scores -------------------------------------
void loss_softmax(Context&, float* dscores, Metrics*, const float* scores, const int32_t* label, const LossDesc&);  // in place
void loss_bce(Context&, float* dscores, Metrics*, const float* scores, const float* target, const LossDesc&);
void loss_mse(Context&, float* dscores, Metrics*, const float* scores, const float* target, const LossDesc&);
void loss_softmax_evaluate(Context&, Metrics*, const float* scores, const int32_t* label, const LossDesc&);
void loss_bce_evaluate(Context&, Metrics*, const float* scores, const float* target, const LossDesc&);
void loss_mse_evaluate(Context&, Metrics*, const float* scores, const float* target, const LossDesc&);

// ---- Gradients and updates --------------------------------------------------------------------------
void zero_fill(Context&, void* y, const CountDesc&);  ///< count bytes
void accumulate(Context&, float* sum, const float* g, const CountDesc&);  ///< sum += g
void square_sum(Context&, double* sum, const float* g, const CountDesc&);  ///< *sum += sum of g^2
void clip_scale(Context&, float* g, const double* sum, const ClipDesc&);  ///< g *= min(1, limit / (sqrt(*sum) + 1e-6)), PyTorch's clip_grad_norm_
void sgd_update(Context&, float* w, float* m_or_null, const float* g, const SgdDesc&);  ///< rate: ctx.run.learning_rate
void adam_update(Context&, float* w, float* m, float* v, const float* g, const AdamDesc&);
void rmsprop_update(Context&, float* w, float* v, float* m_or_null, const float* g, const RmspropDesc&);

// ---- Least workspace, bytes, for the kernels that take one ------------------------------------------
size_t conv_forward_workspace(const ConvDesc&);
size_t conv_backward_data_workspace(const ConvDesc&);
size_t conv_backward_weights_workspace(const ConvDesc&);
size_t deconv_forward_workspace(const ConvDesc&);
size_t deconv_backward_data_workspace(const ConvDesc&);
size_t deconv_backward_weights_workspace(const ConvDesc&);
size_t fc_forward_workspace(const FcDesc&);
size_t fc_backward_data_workspace(const FcDesc&);
size_t fc_backward_weights_workspace(const FcDesc&);
size_t bn_forward_workspace(const BnDesc&);
size_t bn_backward_workspace(const BnDesc&);
size_t norm_backward_workspace(const NormDesc&);
size_t rmsnorm_backward_workspace(const NormDesc&);
size_t groupnorm_backward_workspace(const GroupNormDesc&);
size_t attn_forward_workspace(const AttnDesc&);
size_t attn_backward_workspace(const AttnDesc&);
size_t lstm_forward_workspace(const RecurrentDesc&);
size_t lstm_backward_workspace(const RecurrentDesc&);
size_t gru_forward_workspace(const RecurrentDesc&);
size_t gru_backward_workspace(const RecurrentDesc&);
size_t scale_backward_weights_workspace(const ScaleDesc&);

}  // namespace netrt
