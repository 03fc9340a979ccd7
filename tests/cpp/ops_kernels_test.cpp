// The rows against the kernels' declarations: names, operands and the fields of the constants.
#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "kernels.h"
#include "ops_support.h"

using namespace netc;

namespace {

struct FieldOf {
  std::string name;
  Field::Kind kind;
  bool operator==(const FieldOf&) const = default;
};

std::ostream& operator<<(std::ostream& out, const FieldOf& field) { return out << field.name << ":" << static_cast<int>(field.kind); }

struct FieldCollector {
  std::vector<FieldOf>& list;
  void operator()(const char* name, float&) { list.push_back({name, Field::Kind::real}); }
  void operator()(const char* name, netrt::Activation&) { list.push_back({name, Field::Kind::activation}); }
  void operator()(const char* name, int32_t&) { list.push_back({name, Field::Kind::integer}); }
  void operator()(const char* name, int64_t&) { list.push_back({name, Field::Kind::integer}); }
};

/// What a kernel's declaration says: pointers it writes, pointers it reads, its constants, whether it takes scratch.
struct Signature {
  size_t outputs = 0, inputs = 0;
  std::vector<FieldOf> fields;
  bool workspace = false;
};

template <class T>
void add_argument(Signature& signature) {
  using Plain = std::remove_cvref_t<T>;
  if constexpr (std::is_pointer_v<Plain>) {
    ++(std::is_const_v<std::remove_pointer_t<Plain>> ? signature.inputs : signature.outputs);
  } else if constexpr (std::is_same_v<Plain, netrt::Workspace>) {
    signature.workspace = true;
  } else {
    Plain desc{};
    desc.fields(FieldCollector{signature.fields});
  }
}

template <class Function>
struct Describe;
template <class... T>
struct Describe<void(netrt::Context&, T...)> {
  static Signature get() {
    Signature signature;
    (add_argument<T>(signature), ...);
    return signature;
  }
};

template <class Function>
Signature describe() {
  return Describe<Function>::get();
}

const std::map<std::string, Signature>& kernels() {
  using namespace netrt;
  static const std::map<std::string, Signature> map{
      {"conv_forward", describe<decltype(conv_forward)>()},
      {"conv_backward_data", describe<decltype(conv_backward_data)>()},
      {"conv_backward_weights", describe<decltype(conv_backward_weights)>()},
      {"deconv_forward", describe<decltype(deconv_forward)>()},
      {"deconv_backward_data", describe<decltype(deconv_backward_data)>()},
      {"deconv_backward_weights", describe<decltype(deconv_backward_weights)>()},
      {"fc_forward", describe<decltype(fc_forward)>()},
      {"fc_backward_data", describe<decltype(fc_backward_data)>()},
      {"fc_backward_weights", describe<decltype(fc_backward_weights)>()},
      {"embed_forward", describe<decltype(embed_forward)>()},
      {"embed_backward", describe<decltype(embed_backward)>()},
      {"lstm_forward", describe<decltype(lstm_forward)>()},
      {"lstm_backward", describe<decltype(lstm_backward)>()},
      {"gru_forward", describe<decltype(gru_forward)>()},
      {"gru_backward", describe<decltype(gru_backward)>()},
      {"position_forward", describe<decltype(position_forward)>()},
      {"position_backward_weights", describe<decltype(position_backward_weights)>()},
      {"cls_forward", describe<decltype(cls_forward)>()},
      {"cls_backward_weights", describe<decltype(cls_backward_weights)>()},
      {"rope_forward", describe<decltype(rope_forward)>()},
      {"attn_forward", describe<decltype(attn_forward)>()},
      {"attn_backward", describe<decltype(attn_backward)>()},
      {"pool_forward", describe<decltype(pool_forward)>()},
      {"pool_backward", describe<decltype(pool_backward)>()},
      {"avgpool_forward", describe<decltype(avgpool_forward)>()},
      {"avgpool_backward", describe<decltype(avgpool_backward)>()},
      {"upsample_forward", describe<decltype(upsample_forward)>()},
      {"upsample_backward", describe<decltype(upsample_backward)>()},
      {"bn_forward", describe<decltype(bn_forward)>()},
      {"bn_apply", describe<decltype(bn_apply)>()},
      {"bn_evaluate", describe<decltype(bn_evaluate)>()},
      {"bn_backward", describe<decltype(bn_backward)>()},
      {"norm_forward", describe<decltype(norm_forward)>()},
      {"norm_backward", describe<decltype(norm_backward)>()},
      {"rmsnorm_forward", describe<decltype(rmsnorm_forward)>()},
      {"rmsnorm_backward", describe<decltype(rmsnorm_backward)>()},
      {"groupnorm_forward", describe<decltype(groupnorm_forward)>()},
      {"groupnorm_apply", describe<decltype(groupnorm_apply)>()},
      {"groupnorm_backward", describe<decltype(groupnorm_backward)>()},
      {"lrn_forward", describe<decltype(lrn_forward)>()},
      {"lrn_backward", describe<decltype(lrn_backward)>()},
      {"act_forward", describe<decltype(act_forward)>()},
      {"act_backward_from_output", describe<decltype(act_backward_from_output)>()},
      {"act_backward_from_input", describe<decltype(act_backward_from_input)>()},
      {"act_backward_from_mask", describe<decltype(act_backward_from_mask)>()},
      {"softmax_forward", describe<decltype(softmax_forward)>()},
      {"softmax_backward", describe<decltype(softmax_backward)>()},
      {"drop_forward", describe<decltype(drop_forward)>()},
      {"scale_forward", describe<decltype(scale_forward)>()},
      {"scale_backward_weights", describe<decltype(scale_backward_weights)>()},
      {"add_forward", describe<decltype(add_forward)>()},
      {"mul_forward", describe<decltype(mul_forward)>()},
      {"mul_reduce", describe<decltype(mul_reduce)>()},
      {"shuffle_forward", describe<decltype(shuffle_forward)>()},
      {"channels_copy", describe<decltype(channels_copy)>()},
      {"channels_scatter", describe<decltype(channels_scatter)>()},
      {"place_forward", describe<decltype(place_forward)>()},
      {"loss_softmax", describe<decltype(loss_softmax)>()},
      {"loss_bce", describe<decltype(loss_bce)>()},
      {"loss_mse", describe<decltype(loss_mse)>()},
      {"loss_softmax_evaluate", describe<decltype(loss_softmax_evaluate)>()},
      {"loss_bce_evaluate", describe<decltype(loss_bce_evaluate)>()},
      {"loss_mse_evaluate", describe<decltype(loss_mse_evaluate)>()},
  };
  return map;
}

/// Operands that exist: an index out of range would read nothing or something else.
void check_operands(const KernelCall& call, const OpDef& op, const LoweredExample& lowered, const Alternative& way) {
  const size_t params = op.params != nullptr ? op.params(lowered.info()).size() : 0;
  const size_t states = op.states != nullptr ? op.states(lowered.info()).size() : 0;
  for (const auto* list : {&call.outputs, &call.inputs}) {
    for (const Operand& operand : *list) {
      const auto index = static_cast<size_t>(operand.index);
      using Kind = Operand::Kind;
      if (operand.kind == Kind::x || operand.kind == Kind::dx) CHECK(index < lowered.inputs.size());
      if (operand.kind == Kind::param || operand.kind == Kind::dparam) CHECK(index < params);
      if (operand.kind == Kind::state) CHECK(index < states);
      if (operand.kind == Kind::aux) CHECK(index < way.aux.size());
    }
  }
}

void check_call(const KernelCall& call, std::set<std::string>& used) {
  if (call.kernel.empty()) {
    CHECK(call.outputs.size() == 1);
    CHECK(call.inputs.size() == 1);
    return;
  }
  INFO("kernel " << call.kernel);
  const auto found = kernels().find(std::string(call.kernel));
  REQUIRE(found != kernels().end());
  used.emplace(call.kernel);
  const Signature& signature = found->second;
  CHECK(call.outputs.size() == signature.outputs);
  CHECK(call.inputs.size() == signature.inputs);
  CHECK(call.workspace == signature.workspace);
  if (call.in_place) CHECK(call.in_place_input < static_cast<int>(call.inputs.size()));
  std::vector<FieldOf> fields;
  for (const Field& field : call.desc.fields) fields.push_back({std::string(field.name), field.kind});
  CHECK(fields == signature.fields);
}

}  // namespace

TEST_CASE("every call of every row matches its kernel's declaration", "[ops]") {
  std::set<std::string> used;
  for (const OpDef* op : op_table()) {
    CHECK(op->examples.value.size() >= 2);
    for (const Example& example : op->examples.value) {
      INFO(example.source);
      const LoweredExample lowered = lower_example(*op, example);
      const int parts = op->parts != nullptr ? op->parts(lowered.info()) : 1;
      for (int part = 0; part < parts; ++part) {
        const std::vector<Alternative> ways = op->lower.value(lowered.info(part));
        CHECK_FALSE(ways.empty());
        for (const Alternative& way : ways) {
          check_call(way.forward, used);
          check_operands(way.forward, *op, lowered, way);
          for (const KernelCall& call : way.backward) {
            check_call(call, used);
            check_operands(call, *op, lowered, way);
            CHECK_FALSE(call.purpose.empty());
          }
          if (way.again) {
            check_call(*way.again, used);
            check_operands(*way.again, *op, lowered, way);
          }
        }
        if (op->evaluate != nullptr) check_call(op->evaluate(lowered.info(part)), used);
      }
    }
  }
  used.insert("mul_reduce");  // its example's branches differ in shape; the test below lowers it
  for (const auto& [name, signature] : kernels()) {
    INFO("no row calls " << name);
    CHECK(used.contains(name));
  }
}

TEST_CASE("a broadcast product sums its small factor's gradient, whichever branch that is", "[ops]") {
  for (const bool first : {false, true}) {
    const Shape large{4, 4, 3}, small{1, 1, 3};
    const ops_test::Statement s = ops_test::infer("mul", first ? std::vector<Shape>{small, large} : std::vector<Shape>{large, small});
    const Alternative way = s.op->lower.value(s.info())[0];
    std::set<std::string> used;
    check_call(way.forward, used);
    for (const KernelCall& call : way.backward) check_call(call, used);
    CHECK(way.backward[0].kernel == "mul_reduce");
    CHECK(way.backward[0].outputs[0].index == (first ? 0 : 1));
    CHECK(way.forward.inputs[0].index == (first ? 1 : 0));
    CHECK(way.forward.desc.integer("pixels", 5) == 16);
    CHECK(way.forward.desc.integer("n", 5) == 5);
  }
}

TEST_CASE("every gradient an op owes is written by a backward call", "[ops]") {
  for (const OpDef* op : op_table()) {
    if (op->is_loss) continue;
    for (const Example& example : op->examples.value) {
      INFO(example.source);
      const LoweredExample lowered = lower_example(*op, example);
      const int parts = op->parts != nullptr ? op->parts(lowered.info()) : 1;
      const size_t params = op->params != nullptr ? op->params(lowered.info()).size() : 0;
      std::set<int> dx, dparam;
      for (int part = 0; part < parts; ++part) {
        const std::vector<Alternative> ways = op->lower.value(lowered.info(part));
        for (const KernelCall& call : ways.back().backward) {
          for (const Operand& out : call.outputs) {
            if (out.kind == Operand::Kind::dx) dx.insert(out.index);
            if (out.kind == Operand::Kind::dparam) dparam.insert(out.index);
          }
        }
      }
      if (parts > 0 && !op->takes_ids) CHECK(dx.size() == lowered.inputs.size());
      CHECK(dparam.size() == params);
    }
  }
}

TEST_CASE("an activation's name is an enumerator of the runtime", "[ops]") {
  const std::map<std::string_view, netrt::Activation> known{
      {"none", netrt::Activation::none},       {"relu", netrt::Activation::relu},           {"relu6", netrt::Activation::relu6},
      {"leaky", netrt::Activation::leaky},     {"elu", netrt::Activation::elu},             {"gelu_erf", netrt::Activation::gelu_erf},
      {"gelu_tanh", netrt::Activation::gelu_tanh}, {"silu", netrt::Activation::silu},       {"sigmoid", netrt::Activation::sigmoid},
      {"tanh", netrt::Activation::tanh},       {"hardswish", netrt::Activation::hardswish}, {"hardsigmoid", netrt::Activation::hardsigmoid}};
  for (int i = 0; i < 12; ++i) {
    const auto found = known.find(activation_name(static_cast<Activation>(i)));
    REQUIRE(found != known.end());
    CHECK(static_cast<int>(found->second) == i);
  }
}
