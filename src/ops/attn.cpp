// attn: multi-head self-attention with its projections (Vaswani et al. 2017, arXiv:1706.03762); grouped queries (Ainslie et al. 2023,
// arXiv:2305.13245). Kernels: fc_forward of all queries, keys and values together, rope_forward, attn_forward, and fc_forward again; backward
// the same in reverse with attn_backward, which makes the probabilities again.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ops/eager.h"
#include "ops/rows.h"
#include "ops/torch.h"

namespace netc::ops {
namespace {

struct Heads {
  int64_t t, c, heads, kv, size;
  bool rope;
  int64_t packed() const { return (heads + 2 * kv) * size; }  ///< a token's queries, keys and values
};

Heads heads_of(const Args& args, const Shape& input) {
  const int64_t heads = args.integer("heads", 1);
  return {input[0], input[1], heads, args.integer("kv", heads), input[1] / heads, args.has("rope")};
}

Heads heads_of(const LayerInfo& info) { return heads_of(info.args, info.inputs[0]); }

/// The numbers that divide `n` nearest to `near`, as "4 or 6".
std::string divisors_near(int64_t n, int64_t near) {
  int64_t below = std::min(near, n), above = near;
  while (n % below != 0) --below;
  while (above < n && n % above != 0) ++above;
  return above > n || above == below ? std::to_string(below) : fmt::format("{} or {}", below, above);
}

bool check_heads(const InferContext& context) {
  const int64_t c = context.inputs[0][1], heads = context.args.integer("heads", 1), kv = context.args.integer("kv", heads);
  bool ok = true;
  if (c % heads != 0) {
    Diagnostic& error = error_at(context, "N0304", "heads", fmt::format("{} input channels cannot be divided among {} heads", c, heads));
    error.label = "the input is " + shape_text(context.inputs[0]);
    note_origin(context, error);
    error.help = fmt::format("take {} heads", divisors_near(c, heads));
    ok = false;
  }
  if (heads % kv != 0) {
    error_at(context, "N0304", "kv", fmt::format("{} heads of queries cannot be divided among {} heads of keys and values", heads, kv)).help =
        fmt::format("write kv {}", divisors_near(heads, kv));
    ok = false;
  }
  if (ok && context.args.has("rope") && c / heads % 2 != 0) {
    error_at(context, "N0310", "rope", fmt::format("`rope` turns pairs of values, but a head has {}", c / heads)).help =
        "take a number of heads that leaves each an even number of channels";
    ok = false;
  }
  return ok;
}

std::optional<Shape> infer(const InferContext& context) {
  bool ok = check_integers(context, "heads", 1);
  ok = check_integers(context, "kv", 1) && ok;
  const double p = context.args.number("drop");
  ok = check_number(context, "drop", p, p >= 0 && p < 1, "to be at least 0 and below 1") && ok;
  ok = check_exclusive(context, "bias", "nobias") && ok;
  if (!check_sequence(context) || !ok || !check_shape(context, "its input", context.inputs[0]) || !check_heads(context)) return std::nullopt;
  const Heads h = heads_of(context.args, context.inputs[0]);
  if (!check_shape(context, "its queries, keys and values", {h.t, h.packed()}) || !check_shape(context, "its weight", {h.packed(), h.c})) {
    return std::nullopt;
  }
  return context.inputs[0];
}

/// As nn.MultiheadAttention: Glorot and Bengio's uniform values for the projection to queries, keys and values, biases 0.
std::vector<ParamSpec> params(const LayerInfo& info) {
  const Heads h = heads_of(info);
  const double bound = std::sqrt(6.0 / static_cast<double>(h.packed() + h.c));
  const auto weight = [&](std::string suffix, int64_t out, std::optional<Init> torch) {
    return ParamSpec{.suffix = std::move(suffix), .shape = {out, h.c}, .init = {}, .fan_in = h.c, .fan_out = out, .torch = torch};
  };
  const auto bias = [&](std::string suffix, int64_t out) {
    return ParamSpec{.suffix = std::move(suffix), .shape = {out}, .role = ParamRole::bias, .init = {}, .fan_in = h.c, .fan_out = out,
                     .torch = Init{InitKind::constant, 0}};
  };
  std::vector<ParamSpec> list{weight("qkv.w", h.packed(), Init{InitKind::uniform, bound}), weight("out.w", h.c, std::nullopt)};
  if (info.has_bias) list.insert(list.end(), {bias("qkv.b", h.packed()), bias("out.b", h.c)});
  return list;
}

/// The two projections, and for each query its products with all keys and the sum of all values: masked ones too.
Size macs(const LayerInfo& info) {
  const Heads h = heads_of(info);
  const Size t(h.t), c(h.c);
  return t * c * Size(h.packed()) + t * c * c + Size(2) * t * t * c;
}

enum class Step { qkv, rope, heads, out };

Step step_of(const LayerInfo& info) {
  if (info.part <= 1) return info.part == 0 ? Step::qkv : info.args.has("rope") ? Step::rope : Step::heads;
  return info.part == 2 && info.args.has("rope") ? Step::heads : Step::out;
}

/// A projection has its biases; of rope three for each turned value; five for each score (scale, subtract the highest, exponential, sum, divide),
/// one more where probabilities are dropped.
Size flops(const LayerInfo& info) {
  const Heads h = heads_of(info);
  const Size t(h.t);
  switch (step_of(info)) {
    case Step::qkv: return info.has_bias ? t * Size(h.packed()) : Size(0);
    case Step::rope: return t * Size(3 * (h.heads + h.kv)) * Size(h.size);
    case Step::heads: return t * t * Size(h.heads) * Size(info.args.has("drop") ? 6 : 5);
    case Step::out: break;
  }
  return info.has_bias ? t * Size(h.c) : Size(0);
}

int parts(const LayerInfo& info) { return info.args.has("rope") ? 4 : 3; }

PartSpec between(const LayerInfo& info) {
  const Heads h = heads_of(info);
  switch (step_of(info)) {
    case Step::qkv: return {h.rope ? "unturned" : "qkv", {h.t, h.packed()}};
    case Step::rope: return {"qkv", {h.t, h.packed()}};
    default: return {"heads", {h.t, h.c}};
  }
}

/// A projection from `from` with the weight and bias of the parameters `first` and `first` + 2.
Alternative project(const LayerInfo& info, int64_t out, int first, Operand from, Operand dfrom, Literal purpose) {
  using namespace operand;
  const Heads h = heads_of(info);
  Desc desc{"FcDesc", {}};
  desc.add_per_sample("rows", h.t).add("in", h.c).add("out", out).add_activation(Activation::none, 0);
  const bool bias = info.has_bias;
  const Work work{.macs = (Size(h.t) * Size(h.c) * Size(out)).value()};
  KernelCall weights{.kernel = "fc_backward_weights", .outputs = {dparam(first), bias ? dparam(first + 2) : none}, .inputs = {from, dy},
                     .desc = desc, .workspace = true, .purpose = purpose, .work = work};
  KernelCall data{.kernel = "fc_backward_data", .outputs = {dfrom}, .inputs = {dy, param(first)}, .desc = desc, .workspace = true,
                  .purpose = "the data gradient", .work = work};
  return {.forward = {.kernel = "fc_forward", .outputs = {y}, .inputs = {from, param(first), bias ? param(first + 2) : none}, .desc = desc,
                      .workspace = true, .work = work},
          .aux = {},
          .backward = {std::move(weights), std::move(data)}};
}

Alternative turn(const LayerInfo& info) {
  using namespace operand;
  const Heads h = heads_of(info);
  const auto desc = [&](int64_t inverse) {
    Desc made{"RopeDesc", {}};
    made.add_per_sample("n", 1).add("t", h.t).add("heads", h.heads).add("kv_heads", h.kv).add("size", h.size).add("inverse", inverse);
    return made.add_real("base", 10000);
  };
  return {.forward = {.kernel = "rope_forward", .outputs = {y}, .inputs = {prev}, .desc = desc(0), .in_place = true},
          .aux = {},
          .backward = {{.kernel = "rope_forward", .outputs = {dprev}, .inputs = {dy}, .desc = desc(1), .in_place = true,
                        .purpose = "the gradient, turned back"}}};
}

/// The attention itself; without dropping in evaluation. Forward it makes the scores and the sums of the values, two products; backward the scores
/// again and the gradients of probabilities, queries, keys and values, five (the CUDA kernel, in two passes, makes two of them twice). Of keys that are
/// masked the kernels make none, but for the rest of a tile.
Alternative attend(const LayerInfo& info, double p) {
  using namespace operand;
  const Heads h = heads_of(info);
  const int64_t seen = info.args.has("causal") ? h.t * (h.t + 1) / 2 : h.t * h.t, product = (Size(seen) * Size(h.c)).value();
  const bool drops = p > 0;  // by a probability's place in the whole batch
  Desc desc{"AttnDesc", {}};
  desc.add_per_sample("n", 1).add("t", h.t).add("heads", h.heads).add("kv_heads", h.kv).add("size", h.size);
  desc.add("causal", info.args.has("causal") ? 1 : 0).add_real("p", p).add("stream", info.layer_index);
  return {.forward = {.kernel = "attn_forward", .outputs = {y, aux(0)}, .inputs = {prev}, .desc = desc, .workspace = true,
                      .mixes_samples = drops, .work = {.macs = 2 * product}},
          .aux = {{"lse", {DType::f32, {h.heads, h.t}, true}, "the logarithm of each softmax's sum, from which the probabilities are made again"}},
          .backward = {{.kernel = "attn_backward", .outputs = {dprev}, .inputs = {prev, y, aux(0), dy}, .desc = desc, .workspace = true,
                        .mixes_samples = drops, .purpose = "the gradient of queries, keys and values", .work = {.macs = 5 * product}}}};
}

std::vector<Alternative> lower(const LayerInfo& info) {
  using namespace operand;
  const Heads h = heads_of(info);
  switch (step_of(info)) {
    case Step::qkv: return {project(info, h.packed(), 0, x(), dx(), "the gradient of qkv.w")};
    case Step::rope: return {turn(info)};
    case Step::heads: return {attend(info, info.args.number("drop"))};
    default: return {project(info, h.c, 1, prev, dprev, "the gradient of out.w")};
  }
}

KernelCall evaluate(const LayerInfo& info) {
  return step_of(info) == Step::heads ? attend(info, 0).forward : lower(info)[0].forward;
}

constexpr const char* kAttention = R"(class Attention(nn.Module):
    """Multi-head self-attention with its projections. kv_heads < heads: grouped queries."""

    def __init__(self, channels, heads, kv_heads=None, causal=False, rope=False, dropout=0.0, bias=True):
        super().__init__()
        self.heads, self.kv_heads, self.size = heads, kv_heads or heads, channels // heads
        self.causal, self.rope, self.dropout = causal, rope, dropout
        self.qkv = nn.Linear(channels, (heads + 2 * self.kv_heads) * self.size, bias=bias)
        self.out = nn.Linear(channels, channels, bias=bias)
        nn.init.xavier_uniform_(self.qkv.weight)
        if bias:
            nn.init.zeros_(self.qkv.bias)
            nn.init.zeros_(self.out.bias)

    def turn(self, x):
        """Rotary positions: value i of a head is turned with value i + size/2."""
        half = self.size // 2
        angles = torch.outer(torch.arange(x.shape[2], device=x.device), 10000.0 ** (-torch.arange(half, device=x.device) / half))
        sin, cos, a, b = angles.sin(), angles.cos(), x[..., :half], x[..., half:]
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    def forward(self, x):
        sizes = [self.heads * self.size, self.kv_heads * self.size, self.kv_heads * self.size]
        q, k, v = (part.unflatten(2, (-1, self.size)).transpose(1, 2) for part in self.qkv(x).split(sizes, 2))
        if self.rope:
            q, k = self.turn(q), self.turn(k)
        if self.kv_heads < self.heads:
            k, v = (part.repeat_interleave(self.heads // self.kv_heads, 1) for part in (k, v))
        dropout = self.dropout if self.training else 0.0
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=self.causal)
        else:  # before PyTorch 2
            scores = q @ k.transpose(2, 3) / self.size ** 0.5
            if self.causal:
                scores = scores.masked_fill(torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1), float("-inf"))
            y = F.dropout(scores.softmax(3), dropout) @ v
        return self.out(y.transpose(1, 2).flatten(2))
)";

TorchLayer torch(const LayerInfo& info) {
  const Heads h = heads_of(info);
  std::string module = fmt::format("Attention({}, {}", h.c, h.heads);
  if (h.kv != h.heads) module += fmt::format(", kv_heads={}", h.kv);
  for (const std::string_view word : {"causal", "rope"})
    if (info.args.has(word)) module += fmt::format(", {}=True", word);
  if (info.args.has("drop")) module += ", dropout=" + number_text(info.args.number("drop"));
  std::vector<TorchTensor> tensors{{.attribute = "qkv.weight", .tensor = 0}, {.attribute = "out.weight", .tensor = 1}};
  if (info.has_bias) tensors.insert(tensors.end(), {{.attribute = "qkv.bias", .tensor = 2}, {.attribute = "out.bias", .tensor = 3}});
  return {.module = module + (info.has_bias ? ")" : ", bias=False)"), .call = "{m}({0})", .tensors = std::move(tensors), .helper = kAttention};
}

std::vector<ArgSpec> arguments() {
  return {positional("heads", ArgKind::integer, "heads, which must divide the channels"),
          flag("causal", "a token sees itself and those before it only"),
          word("kv", ArgKind::integer, "heads", "heads of keys and values, each for an equal share of the heads of queries"),
          flag("rope", "rotary positions: turns queries and keys by their place in the sequence"),
          word("drop", ArgKind::number, "0", "fraction of the probabilities dropped while training"),
          flag("bias", "its projections have biases, which is the default"), nobias_flag()};
}

/// Memory-efficient attention, which float32 takes: its gradient comes in one tensor, from which that of the projection is put together. With
/// `rope` or `kv`, queries, keys and values that were turned or repeated are counted as one tensor.
std::vector<EagerCall> eager_calls(const LayerInfo& info) {
  using namespace eager;
  const Heads h = heads_of(info);
  const auto heads = [&](int64_t count) { return batched(Size(h.t) * Size(count) * Size(h.size)); };
  std::vector<EagerCall> calls{linear(x(), 0, info.has_bias ? 2 : -1, batched(Size(h.t) * Size(h.packed()))),
                               view(made(0), batched(Size(h.t) * Size(h.packed())), EagerGradient::fresh)};
  std::vector<EagerTensor> read{made(1)};
  const auto remade = [&](int64_t count, std::string_view what, const Extent& factors) {
    EagerCall call = copy(read.back(), heads(count));
    call.scratch = call.backward_scratch = heads(count);
    if (!what.empty()) call.kept = {{what, factors}};
    calls.push_back(call);
    read.push_back(made(static_cast<int>(calls.size()) - 1));
  };
  if (h.rope) remade(h.heads + h.kv, "sines and cosines", once(Size(h.t) * Size(h.size)));
  if (h.kv < h.heads) remade(2 * h.heads, {}, {});
  EagerCall attend{.inputs = {{read.back()}}, .bytes = heads(h.heads), .saves = read,
                   .kept = {{"the logarithm of each softmax's sum", batched(Size(h.heads) * Size((h.t + 31) / 32 * 32))}},
                   .backward_scratch = batched(Size(h.heads) * Size(h.t))};
  attend.saves.push_back(result);
  calls.push_back(attend);
  calls.push_back(linear(made(static_cast<int>(calls.size()) - 1), 1, info.has_bias ? 3 : -1, of(info.output)));
  return calls;
}

}  // namespace

const OpDef& attn() {
  static const OpDef row{
      .name = "attn",
      .summary = "Multi-head self-attention over T x C, with the projection to queries, keys and values and the one of its output.",
      .args = arguments(),
      .branches = std::pair{0, 0},
      .infer = infer,
      .params = params,
      .macs = macs,
      .other_flops = flops,
      .parts = parts,
      .between = between,
      .lower = lower,
      .evaluate = evaluate,
      .torch = torch,
      .eager = eager_calls,
      .default_bias = true,
      .examples = std::vector<Example>{{"attn 2", {5, 6}}, {"attn 3 causal nobias", {7, 6}}, {"attn 4 causal kv 2 rope", {6, 8}},
                                       {"attn 2 kv 1 drop 0.25 bias", {4, 6}}},
  };
  return row;
}

}  // namespace netc::ops
