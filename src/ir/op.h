// OpDef: everything netc knows of one op. The parser's checks, shape inference, autodiff, FLOP counts,
// documentation, suggestions and tests read these rows; nothing else in netc names an op.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "diag/diagnostic.h"
#include "ir/eager.h"
#include "ir/type.h"

namespace netc {

// ---- Arguments ------------------------------------------------------------------------------------

enum class ArgKind : uint8_t {
  integer,  ///< `conv 32`, `groups 4`
  number,   ///< `drop 0.5`, `eps 1e-3`
  kernel,   ///< `3x3`, `2x2/2`, `3x3/2x1`: numbers kh kw [sh sw]
  size,     ///< `padto 32x32`: numbers h w
  range,    ///< `slice 0..16`: numbers a b
  flag,     ///< a bare word: `same`, `bias`, `ceil`
  label,    ///< `tie LABEL`: text
};

/// One argument of an op. A positional argument is written by itself, in the order of the rows; a word
/// argument is written `name`, `name v` or `name=v[,v]`.
struct ArgSpec {
  std::string_view name;
  ArgKind kind;
  bool positional = false;
  bool required = false;
  int min_values = 1;             ///< numbers that must follow a word; `pad` has 0: it may stand alone
  int max_values = 1;             ///< `pad=ph,pw` has 2
  std::string_view default_text;  ///< for help and docs/ops.md; empty when there is none
  std::string_view help;          ///< one line
};

using Numbers = Few<double, 4>;

struct ArgValue {
  Numbers numbers;  ///< integers are exact (they are limited to 2^53)
  std::string text;
  Location where;
};

/// The arguments of one layer, checked against its ArgSpecs, whose names they have.
class Args {
 public:
  bool has(std::string_view name) const { return find(name) != nullptr; }
  const ArgValue* find(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t fallback = 0, size_t which = 0) const;
  double number(std::string_view name, double fallback = 0, size_t which = 0) const;
  /// How many numbers were given with `name` (0 when it is absent or bare).
  size_t count(std::string_view name) const;
  void set(std::string_view name, ArgValue value);
  const std::vector<std::pair<std::string_view, ArgValue>>& all() const { return list_; }

 private:
  std::vector<std::pair<std::string_view, ArgValue>> list_;
};

// ---- Shape inference ------------------------------------------------------------------------------

/// Where the shape of an input comes from: "`pool 2x2/2` at a.net:3", "the block's input, from `...`"; empty where the statement's own
/// line shows it. Asked only when something is wrong.
using Origin = std::function<std::string(size_t input)>;

/// What an op's `infer` sees. Errors and notes are placed at the layer; `where` overrides it.
struct InferContext {
  const Args& args;
  std::span<const Shape> inputs;
  std::string_view verb;
  Location where;
  Diagnostics& diagnostics;
  Origin origin;
  int64_t vocabulary = 0;                ///< the inputs are token ids below this; 0: they are numbers

  Diagnostic& error(std::string_view code, std::string message) const {
    return diagnostics.error(code, where, std::move(message));
  }
};

// ---- Parameters -----------------------------------------------------------------------------------

enum class ParamRole : uint8_t { weight, bias, norm };

enum class InitKind : uint8_t { torch_default, he, xavier, normal, constant, uniform };

struct Init {
  InitKind kind = InitKind::torch_default;
  double value = 0;  ///< standard deviation, constant or bound, as the kind says
};

struct ParamSpec {
  std::string suffix;  ///< "w", "b", "gamma", "l0.w_ih"
  Shape shape;
  ParamRole role = ParamRole::weight;
  Init init;            ///< torch_default: the default initialiser in force decides for a weight
  int64_t fan_in = 1;   ///< values summed into one output
  int64_t fan_out = 1;  ///< outputs one value feeds
  /// What PyTorch starts this tensor as where that is not U(-1/sqrt(fan_in), 1/sqrt(fan_in)); an `init` statement overrides it.
  std::optional<Init> torch = {};
};

// ---- Kernel calls ---------------------------------------------------------------------------------

/// Activations that can be fused into another kernel. The names are those of runtime/kernels.h.
enum class Activation : uint8_t {
  none, relu, relu6, leaky, elu, gelu_erf, gelu_tanh, silu, sigmoid, tanh, hardswish, hardsigmoid
};
std::string_view activation_name(Activation a);
/// Floating-point operations an element; exp, tanh and erf count as one.
int activation_flops(Activation a);

/// Text written in the program itself, which lives as long as it: the names of kernels.
struct Literal : std::string_view {
  constexpr Literal() = default;
  template <size_t N>
  consteval Literal(const char (&text)[N]) : std::string_view(text, N - 1) {}  // NOLINT: implicit on purpose
};

/// One constant of a kernel call. `per_sample` integers are multiplied by the batch. The name is a member of the struct in
/// runtime/kernels.h: text that lives as long as the program.
struct Field {
  std::string_view name;
  enum class Kind : uint8_t { integer, real, activation } kind = Kind::integer;
  bool per_sample = false;
  union {
    int64_t integer = 0;  ///< activation: the enumerator
    double real;
  };

  /// The integer of a call at that batch.
  int64_t at(int64_t batch) const { return per_sample && integer > 0 ? integer * batch : integer; }
};

/// Fields in order. Copies share them until one of them changes: the calls of a layer and their nodes have the same constants.
class Fields {
 public:
  const Field* begin() const { return list_ ? list_->data() : nullptr; }
  const Field* end() const { return begin() + size(); }
  size_t size() const { return list_ ? list_->size() : 0; }
  const Field& operator[](size_t i) const { return (*list_)[i]; }
  /// The fields for changing, which no other copy sees. Room for `more` further ones is made.
  std::vector<Field>& own(size_t more = 0);

 private:
  std::shared_ptr<std::vector<Field>> list_;
};

/// The constants of a kernel call: the struct's name in runtime/kernels.h and its fields, in order.
struct Desc {
  std::string_view type;  ///< "ConvDesc"; empty: the kernel takes none
  Fields fields;

  Desc& add(std::string_view name, int64_t value);
  Desc& add_per_sample(std::string_view name, int64_t value);
  Desc& add_real(std::string_view name, double value);
  Desc& add_activation(Activation a, double alpha);  ///< fields `activation` and `alpha`
  int64_t integer(std::string_view name, int64_t batch = 1) const;
};

/// A place in a kernel call's argument list, relative to its layer.
struct Operand {
  enum class Kind : uint8_t {
    none,      ///< nullptr
    x,         ///< input `index` of the layer
    y,         ///< the output of this kernel call (of this part)
    prev,      ///< the output of the layer's previous part
    param,     ///< parameter `index`
    state,     ///< state `index`
    aux,       ///< a further output kept for the backward pass: statistics, an index, a mask
    dx, dprev, dy, dparam,  ///< gradients of those
    label,     ///< the batch's labels or targets (loss only)
    metrics,   ///< the running sums of the loss and the correct answers (loss only)
  } kind = Kind::none;
  int index = 0;
};

namespace operand {
constexpr Operand none{};
constexpr Operand x(int i = 0) { return {Operand::Kind::x, i}; }
constexpr Operand y{Operand::Kind::y, 0};
constexpr Operand prev{Operand::Kind::prev, 0};
constexpr Operand param(int i) { return {Operand::Kind::param, i}; }
constexpr Operand state(int i) { return {Operand::Kind::state, i}; }
constexpr Operand aux(int i) { return {Operand::Kind::aux, i}; }
constexpr Operand dx(int i = 0) { return {Operand::Kind::dx, i}; }
constexpr Operand dprev{Operand::Kind::dprev, 0};
constexpr Operand dy{Operand::Kind::dy, 0};
constexpr Operand dparam(int i) { return {Operand::Kind::dparam, i}; }
constexpr Operand label{Operand::Kind::label, 0};
constexpr Operand metrics{Operand::Kind::metrics, 0};
}  // namespace operand

/// What a call has to do, for one sample; of a call without an operand of the batch: altogether.
struct Work {
  int64_t macs = 0;     ///< multiply-accumulates
  int64_t flops = 0;    ///< other floating-point operations
  int64_t touches = 0;  ///< elements of an operand it reads or writes, of one that has more: some channels, the rows of a table; 0: all
};

/// `kernel(ctx, outputs..., inputs..., desc[, workspace])`. An empty kernel makes outputs[0] another name of inputs[0].
struct KernelCall {
  Literal kernel;
  Few<Operand, 4> outputs;
  Few<Operand, 4> inputs;
  Desc desc;
  bool in_place = false;     ///< outputs[0] may be written over inputs[in_place_input] once nobody else reads that
  int in_place_input = 0;    ///< which input that is; -1: any of them
  bool must_alias = false;   ///< outputs[0] continues the output of the previous part (`prev`, not an argument of the kernel): same bytes, always
  bool workspace = false;    ///< takes a Workspace as its last argument
  bool adds = false;         ///< adds to the gradients of parameters among its outputs, which hold zeros or what was summed before
  /// What it leaves for a sample depends on other samples, or on the sample's place in the batch. Any other call may run on a slice of the
  /// batch at a time (passes/slice.h): its results for each sample are the same, and what it leaves for parameters are sums over samples.
  bool mixes_samples = false;
  Literal purpose = {};      ///< backward: "the weight gradient"; used in the sentence that says why a tensor is kept
  Work work = {};            ///< the row gives macs and touches; flops come from other_flops (passes/lowering.h)
};

/// A further output of a forward kernel, kept for the backward pass.
struct AuxSpec {
  std::string suffix;  ///< "index", "mask", "mean"
  Type type;
  std::string_view what;  ///< "the position of each maximum in its window"
};

/// What a part of a layer that is not its last leaves for the next one (attention's queries, keys and values).
struct PartSpec {
  std::string suffix;  ///< "qkv"
  Shape shape;              ///< one such tensor a sample, float32
};

/// One way to run an op's forward and backward pass. Where an op has several, autodiff takes the first whose tensors
/// others keep anyway, else the one that keeps the fewest bytes (a tie goes to the earlier).
struct Alternative {
  KernelCall forward;
  std::vector<AuxSpec> aux;
  std::vector<KernelCall> backward;  ///< in order; a call none of whose gradients is needed is left out, an unneeded output is nullptr
  /// How the output (y) of `forward` is made again in the backward pass, to the same bits, where `forward` itself would do more than that: it
  /// updates states, or what it kept (aux) saves work. Writes y alone. In a `forward` without `again` an aux output may be nullptr, y never: to
  /// make an aux again is to run `forward` with y in a buffer of its own beside it.
  std::optional<KernelCall> again = {};
};

// ---- The row --------------------------------------------------------------------------------------

/// One layer as its row's functions see it.
struct LayerInfo {
  const Args& args;
  std::span<const Shape> inputs;
  const Shape& output;
  bool has_bias = true;  ///< false: `nobias`, or a conv directly followed by bn
  Activation activation = Activation::none;  ///< fused into this layer by the fuse pass
  double alpha = 0;
  int part = 0;  ///< which of the op's `parts` kernel calls
  int layer_index = 0;  ///< the layer's id: differs between layers of a network (dropout's random stream)
};

/// One tensor of a PyTorch module, and where netc keeps it. Several may share one of netc's (an lstm's two directions).
struct TorchTensor {
  std::string attribute;        ///< of the module: "weight", "weight_ih_l0_reverse"
  int tensor = 0;               ///< which of netc's: the params, then the states
  std::vector<int> axes = {};   ///< netc's axes in PyTorch's order: {0, 3, 1, 2} for K x R x S x C; empty: the same order
  int64_t first = 0, rows = 0;  ///< the part of netc's first axis it takes, before the axes are reordered; rows 0: all of it
};

/// A layer in PyTorch. Images are N x C x H x W there, sequences N x T x C, vectors N x C; netc's own order is channels last.
struct TorchLayer {
  std::string module;  ///< what the layer's attribute is: "nn.Conv2d(3, 32, 3, padding=1)"; empty: it is only an expression
  /// A Python expression over {0}, {1}, ... (its inputs, always plain names; a loss's are scores and target), {m} (the module) and {p0}, {p1}, ...
  /// (tensors[i] as an attribute of whatever layer owns the parameter: a tied weight).
  std::string call;
  std::vector<TorchTensor> tensors = {};
  std::string helper = {};  ///< Python the module or the call needs, written once a file: functions or small classes, without imports
};

/// How an op takes part in fusing an activation that follows it.
enum class FuseActivation : uint8_t {
  no,
  by_output,  ///< forward only; the activation's gradient is taken from the output before this op's backward calls
  whole,      ///< the op's own backward kernel undoes the activation from what it keeps
};

/// A member without a default: a row that leaves it out does not compile.
template <class T>
struct Required {
  T value;
  template <class U>
  Required(U&& v) : value(std::forward<U>(v)) {}  // NOLINT: implicit on purpose
  operator const T&() const { return value; }     // NOLINT
};

/// A statement that uses the op, and an input shape for it: drives the gradient check on every runtime and docs/ops.md.
struct Example {
  std::string_view source;  ///< "conv 4 3x3 pad"
  Shape input;
  int64_t vocabulary = 0;  ///< the input is token ids below this
};

struct OpDef {
  Required<std::string_view> name;
  std::vector<std::string_view> aliases = {};
  Required<std::string_view> summary;  ///< one sentence for docs/ops.md
  Required<std::vector<ArgSpec>> args;
  Required<std::pair<int, int>> branches;  ///< {0,0}: takes the current tensor; {2,16}: takes that many `{}` branches

  /// Output shape, or nothing after a diagnostic.
  Required<std::optional<Shape> (*)(const InferContext&)> infer;
  std::vector<ParamSpec> (*params)(const LayerInfo&) = nullptr;
  std::vector<ParamSpec> (*states)(const LayerInfo&) = nullptr;  ///< running statistics
  /// Multiply-accumulates of the forward pass for one sample (conv, fc and attention products; else 0), masked ones too.
  Size (*macs)(const LayerInfo&) = nullptr;
  /// Floating-point operations of the forward call of part `info.part` for one sample that are not multiply-accumulates and not those of a
  /// fused activation; elements of the output if null.
  Size (*other_flops)(const LayerInfo&) = nullptr;
  /// Kernel calls the layer is made of (`concat` of n branches: n). 1 if null; 0 means the output is another name of the input.
  int (*parts)(const LayerInfo&) = nullptr;
  /// What part `info.part`, which is not the last, leaves; the type of the layer's output if null.
  PartSpec (*between)(const LayerInfo&) = nullptr;
  /// The ways to run part `info.part`; never empty unless parts is 0.
  Required<std::vector<Alternative> (*)(const LayerInfo&)> lower;
  /// The forward call in evaluation; the first alternative without its aux outputs if null.
  KernelCall (*evaluate)(const LayerInfo&) = nullptr;
  FuseActivation fuse_activation = FuseActivation::no;
  /// The activation this op is, if it is one: {kind, alpha}.
  std::pair<Activation, double> (*activation)(const Args&) = nullptr;
  /// PyTorch's twin, from the statement as written: `info` has no fused activation.
  Required<TorchLayer (*)(const LayerInfo&)> torch;
  /// What that twin allocates and keeps, call by call; of a loss, whose input is the scores, too.
  Required<std::vector<EagerCall> (*)(const LayerInfo&)> eager;
  bool default_bias = false;        ///< takes `bias` / `nobias`; has one unless it says so or a bn follows
  bool drops_preceding_bias = false;  ///< bn: a conv right before it needs no bias
  bool commutes_with_relu = false;    ///< max-pool: relu before it may as well stand after it
  bool takes_ids = false;             ///< embed: its input is token ids, not numbers
  bool is_loss = false;             ///< named in a `loss` statement; its forward call leaves the gradient of its input in place
  Required<std::vector<Example>> examples;
};

}  // namespace netc
