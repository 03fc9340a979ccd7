// lstm and gru as the planner sees them: what is kept, which bytes are shared, and how everything starts.
#include <cmath>
#include <set>

#include "compiled.h"

namespace netc {
namespace {

const PlannedValue& value_of(const Schedule& schedule, std::string_view name) {
  const auto found = std::ranges::find(schedule.values, name, &PlannedValue::name);
  INFO(name);
  REQUIRE(found != schedule.values.end());
  return *found;
}

std::map<std::string, int64_t> saved_bytes(const Schedule& schedule) {
  std::map<std::string, int64_t> bytes;
  for (const Buffer& buffer : schedule.buffers)
    if (buffer.cls == MemoryClass::saved) bytes[buffer.name] = buffer.bytes;
  return bytes;
}

}  // namespace

TEST_CASE("a recurrence keeps its gates in place of the projection, and one value a unit beside its output") {
  // Sizes are multiples of 64 values, so that 256 bytes of alignment add nothing.
  const Compilation made = compile_text("input 8x64\nlstm 64 layers 2\ngru 64 bidirectional\nfc 64\nloss softmax\ntrain { sgd 0.1; batch 2 }\n");
  const int64_t token = int64_t{2} * 8 * 64 * 4;
  for (const Target& target : {cuda_target(0), cpu_target()}) {
    const Plan plan = plan_of(*made.graph, target, 2);
    CHECK(plan.arena == plan.lower_bound);
    // The input is kept too, but it has its own class: it lives always.
    CHECK(saved_bytes(plan.train) == std::map<std::string, int64_t>{{"lstm1.l0.gates", 4 * token}, {"lstm1.l0.cells", token}, {"lstm1.l0.h", token},
                                                                   {"lstm1.l1.gates", 4 * token}, {"lstm1.l1.cells", token}, {"lstm1", token},
                                                                   {"gru1.l0.gates", 6 * token}, {"gru1.l0.inner", 2 * token}, {"gru1", 2 * token}});
    for (const char* layer : {"lstm1.l0", "lstm1.l1", "gru1.l0"}) {
      const BufferId buffer = value_of(plan.train, std::string(layer) + ".gates").buffer;
      CHECK(value_of(plan.train, std::string(layer) + ".activated").buffer == buffer);
      CHECK(value_of(plan.train, std::string(layer) + ".gates.grad").buffer == buffer);
    }
    for (const PlannedValue& value : plan.evaluate.values) CHECK(value.kind != ValueKind::aux);
  }
}

TEST_CASE("plans of recurrent networks are packed at their lower bound") {
  for (const char* net : {"input 30 tokens 90\nembed 90 24\nlstm 40 layers 3\nfc 90\nloss softmax\ntrain { adam 1e-3; batch 2 }\n",
                          "input 17x9\ngru 12 bidirectional\nlstm 20 layers 2 bidirectional nobias\nflatten\nfc 5\nloss softmax\ntrain { adam 1e-3; batch 2 }\n",
                          "input 12x8\nadd { gru 16 } { fc 16 }\nlstm 16; relu\nfc 3\nloss mse\ntrain { sgd 0.1 momentum 0.9 clip 1; batch 2x2 }\n"}) {
    INFO(net);
    const Compilation made = compile_text(net);
    for (const int64_t batch : {int64_t{1}, int64_t{7}, int64_t{64}}) {
      const Plan plan = plan_of(*made.graph, cuda_target(0), batch);
      CAPTURE(batch);
      CHECK(plan.arena == plan.lower_bound);
    }
  }
}

TEST_CASE("lstm starts as PyTorch's, biases too, unless an init statement says otherwise") {
  const Compilation plain = compile_text("input 8x6\nlstm 16 layers 2\nfc 4\nloss softmax\ntrain { sgd 0.1; batch 2 }\n");
  const Compilation he = compile_text("input 8x6\ninit he\nlstm 16 layers 2\nfc 4\nloss softmax\ntrain { sgd 0.1; batch 2 }\n");
  std::set<std::string> seen;
  for (const Value& value : plain.graph->values) {
    if (value.kind != ValueKind::parameter || !value.name.starts_with("lstm1.")) continue;
    seen.insert(value.name);
    CHECK(value.init.kind == InitKind::uniform);
    CHECK(value.init.value == 0.25);
  }
  CHECK(seen.size() == 8);
  const auto init_of = [&](std::string_view name) {
    const auto found = std::ranges::find(he.graph->values, name, &Value::name);
    REQUIRE(found != he.graph->values.end());
    return found->init;
  };
  CHECK(init_of("lstm1.l0.w_ih").value == std::sqrt(2.0 / 6));
  CHECK(init_of("lstm1.l1.w_hh").value == std::sqrt(2.0 / 16));
  CHECK(init_of("lstm1.l0.b_hh").kind == InitKind::constant);
  CHECK(init_of("lstm1.l0.b_hh").value == 0);
}

}  // namespace netc
