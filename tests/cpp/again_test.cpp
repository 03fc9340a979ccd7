// Every forward tensor can be made again in the backward pass, to the same bits: the calls of networks around every row's examples, run twice.
#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "backend/interpret_kernels.h"
#include "compiled.h"
#include "device.h"
#include "op_network.h"
#include "ops/example.h"
#include "ops/table.h"

namespace netc {
namespace {

constexpr int64_t kBatch = 3;

using Bytes = std::vector<unsigned char>;

/// What of a forward call's outputs is made again, and where.
enum class Mode {
  output,    ///< its output alone
  all,       ///< everything it leaves
  in_place,  ///< the same, with its first output over the input whose bytes a plan may give it
};

/// The forward pass of a graph with memory of its own for every value, so that each call's inputs are there for a second run.
class TwoRuns {
 public:
  explicit TwoRuns(const std::string& text) : made_(compile_text(text)), graph_(*made_.graph), context_(netrt::make_context()) {
    netrt::RunState& run = netrt::run_state(*context_);
    run.valid = kBatch;
    run.micro_step = 5;
    home_.resize(graph_.values.size());
    for (size_t i = 0; i < home_.size(); ++i) home_[i] = ValueId{static_cast<int32_t>(i)};
    for (const Value& value : graph_.values) memory_.emplace_back(bytes(value), 0xA5);
    fill();
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (is_forward(graph_.nodes[i])) run_first(graph_.nodes[i]);
  }

  /// Runs every forward call a second time and compares; adds "kernel, N further outputs" of each to `seen`.
  void check(Mode mode, std::set<std::string>& seen) {
    const std::vector<Bytes> before = memory_;
    std::map<ValueId, Bytes> chain;  // outputs made again that the next part of their layer continues
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (!is_forward(node)) continue;
      const auto again = graph_.again.find({graph_.nodes[i].layer, graph_.nodes[i].part});
      INFO(node.kernel << " of " << graph_[node.layer].name);
      if (again == graph_.again.end()) {
        run_again(node, mode, chain);
      } else {
        CHECK(output_of(again->second) == output_of(node));
        CHECK(again->second.outputs.size() == 1);
        run_again(again->second, mode, chain);
      }
      seen.insert(fmt::format("{}, {} further outputs", node.kernel, further_outputs(node)));
    }
    CHECK(memory_ == before);  // states among them
  }

 private:
  static size_t bytes(const Value& value) { return static_cast<size_t>(type_bytes(value.type, kBatch).value()); }
  bool is_forward(const Node& node) const { return node.phase == Phase::forward && !graph_[node.layer].op->is_loss; }
  Bytes& at(ValueId id) { return memory_[home_[graph_.storage(id).at()].at()]; }
  bool is(ValueId id, ValueKind kind) const { return id.valid() && graph_[id].kind == kind; }
  size_t further_outputs(const Node& node) const {
    return static_cast<size_t>(std::count_if(node.outputs.begin(), node.outputs.end(), [&](ValueId id) { return is(id, ValueKind::aux); }));
  }
  /// The one output that is neither kept besides it nor a state.
  ValueId output_of(const Node& node) const {
    for (ValueId id : node.outputs)
      if (is(id, ValueKind::activation)) return id;
    FAIL("a forward call without an output");
    return {};
  }

  void run_first(const Node& node) {
    if (node.continues.valid()) home_[node.outputs[0].at()] = home_[graph_.storage(node.continues).at()];
    std::vector<void*> pointers;
    for (const auto* list : {&node.outputs, &node.inputs})
      for (ValueId id : *list) pointers.push_back(id.valid() ? at(id).data() : nullptr);
    call(node, pointers);
  }

  void run_again(const Node& node, Mode mode, std::map<ValueId, Bytes>& chain) {
    const bool over_input = mode == Mode::in_place && node.in_place;
    const size_t which = over_input ? static_cast<size_t>(std::max(node.in_place_input, 0)) : 0;
    std::vector<Bytes> fresh;
    for (ValueId id : node.outputs) {
      REQUIRE_FALSE(is(id, ValueKind::state));  // what updates states needs an `again`
      fresh.emplace_back(id.valid() ? at(id).size() : 0, 0x5A);
    }
    if (node.continues.valid()) fresh[0] = chain.at(node.continues);
    if (over_input) fresh[0] = at(node.inputs[which]);
    const auto made = [&](ValueId id) { return id.valid() && (mode != Mode::output || !is(id, ValueKind::aux)); };
    std::vector<void*> pointers;
    for (size_t i = 0; i < node.outputs.size(); ++i) pointers.push_back(made(node.outputs[i]) ? fresh[i].data() : nullptr);
    for (size_t i = 0; i < node.inputs.size(); ++i)
      pointers.push_back(!node.inputs[i].valid() ? nullptr : over_input && i == which ? fresh[0].data() : at(node.inputs[i]).data());
    call(node, pointers);
    if (is_continued(node.outputs[0])) {
      chain[node.outputs[0]] = fresh[0];
      return;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (made(node.outputs[i])) CHECK(fresh[i] == at(node.outputs[i]));
  }

  bool is_continued(ValueId id) const {
    return id.valid() && std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [&](const Node& node) { return node.continues == id; });
  }

  void call(const Node& node, const std::vector<void*>& pointers) {
    const KernelEntry* kernel = find_kernel(node.kernel);
    REQUIRE(kernel != nullptr);
    Bytes workspace(node.workspace ? static_cast<size_t>(kernel->cpu_workspace(node.desc, kBatch)) : 0, 0xA5);
    kernel->bind(node.desc, kBatch)(*context_, pointers.data(), {workspace.data(), workspace.size()});
  }

  void fill() {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> wide(-2, 2);
    for (size_t i = 0; i < memory_.size(); ++i) {
      const Value& value = graph_.values[i];
      const bool given = value.kind == ValueKind::input || value.kind == ValueKind::parameter || value.kind == ValueKind::state;
      if (!given) continue;
      const size_t count = memory_[i].size() / 4;
      for (size_t j = 0; j < count; ++j) {
        const float number = wide(random);
        const auto id = static_cast<int32_t>(j % 3);
        std::memcpy(memory_[i].data() + 4 * j, value.type.dtype == DType::i32 ? static_cast<const void*>(&id) : &number, 4);
      }
    }
  }

  Compilation made_;
  const Graph& graph_;
  netrt::ContextPtr context_;
  std::vector<ValueId> home_;   ///< by storage: the value in whose memory it lies
  std::vector<Bytes> memory_;   ///< by value
};

/// What the forward calls of all examples are, whichever way autodiff would choose.
std::set<std::string> all_forward_calls() {
  std::set<std::string> names;
  for (const OpDef* op : op_table()) {
    if (op->is_loss) continue;
    for (const Example& example : op->examples.value) {
      const LoweredExample lowered = lower_example(*op, example);
      const int parts = op->parts != nullptr ? op->parts(lowered.info()) : 1;
      for (int part = 0; part < parts; ++part)
        for (const Alternative& way : op->lower.value(lowered.info(part)))
          names.insert(fmt::format("{}, {} further outputs", way.forward.kernel, way.aux.size()));
    }
  }
  return names;
}

}  // namespace

TEST_CASE("every forward call made again leaves the same bits") {
  std::set<std::string> seen;
  for (const OpDef* op : op_table()) {
    for (const Example& example : op->examples.value) {
      // Behind it nothing, an activation that is fused, or one whose mask is kept because nobody keeps its output.
      for (const std::string_view behind : {"", "relu\n", "drop 0.3\n"}) {
        const std::string text = network_around(*op, example, behind);
        CAPTURE(text);
        TwoRuns runs(text);
        for (const Mode mode : {Mode::output, Mode::all, Mode::in_place}) runs.check(mode, seen);
      }
    }
  }
  for (const std::string& name : all_forward_calls()) {
    CAPTURE(name);
    CHECK(seen.contains(name));
  }
}

TEST_CASE("an op with states has a call that makes its output again") {
  for (const OpDef* op : op_table()) {
    if (op->states == nullptr) continue;
    for (const Example& example : op->examples.value) {
      INFO(example.source);
      for (const Alternative& way : op->lower.value(lower_example(*op, example).info())) {
        REQUIRE(way.again.has_value());
        for (const Operand& out : way.again->outputs) CHECK(out.kind == Operand::Kind::y);
      }
    }
  }
}

}  // namespace netc
