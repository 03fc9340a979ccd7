// Mutations of a small valid plan: each thing the validator checks is broken in turn and must be noticed.
#include "plan/validate.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <iostream>

#include "plan/pack.h"

using namespace netc;

namespace {

constexpr int64_t kBatch = 4;

BufferId id(int i) { return BufferId{i}; }

Buffer buffer(std::string name, MemoryClass cls, Type type, int first, int last, int64_t offset) {
  Buffer b;
  b.name = std::move(name);
  b.cls = cls;
  b.type = std::move(type);
  b.bytes = round_up(type_bytes(b.type, kBatch), kAlignment).value();
  b.first = first;
  b.last = last;
  b.offset = offset;
  return b;
}

PlannedValue value(std::string name, Type type, ValueKind kind, int buffer, int same_as = -1) {
  return {std::move(name), std::move(type), kind, id(buffer), LayerId{}, same_as};
}

Call call(Literal kernel, Few<int, 4> outputs, Few<int, 4> inputs, Phase phase = Phase::forward, int layer = 0) {
  Call c;
  c.kernel = kernel;
  c.outputs = std::move(outputs);
  c.inputs = std::move(inputs);
  c.phase = phase;
  c.layer = LayerId{layer};
  return c;
}

/// Sets ends, bounds and totals from buffers and lifetimes.
void total(Plan& plan) {
  plan.arena = plan.lower_bound = plan.sum_of_buffers = 0;
  for (Schedule* s : {&plan.train, &plan.evaluate}) {
    s->end = s->lower_bound = 0;
    for (int t = 0; t <= static_cast<int>(s->calls.size()); ++t) {
      int64_t live = 0;
      for (const Buffer& b : s->buffers) live += b.first <= t && t <= b.last ? b.bytes : 0;
      if (live > s->lower_bound) {
        s->lower_bound = live;
        s->peak = t;
      }
    }
    for (const Buffer& b : s->buffers) s->end = std::max(s->end, b.offset + b.bytes);
    s->packing_optimal = s->end == s->lower_bound;
    plan.arena = std::max(plan.arena, s->end);
    plan.lower_bound = std::max(plan.lower_bound, s->lower_bound);
  }
  for (const Buffer& b : plan.train.buffers) plan.sum_of_buffers += b.bytes;
  plan.fixed = plan.lower_bound % kBatch;
  plan.per_image = plan.lower_bound / kBatch;
}

struct Case {
  Graph graph;
  Plan plan;
};

/// x -> fc (w) -> h -> relu in place -> r, flat is r -> loss in place: dr -> fc backward: dw -> update of w and its momentum.
Case example() {
  Case c;
  c.graph.layers.resize(3);
  Node relu;
  relu.layer = LayerId{1};
  relu.kernel = "act_forward";
  relu.in_place = true;
  Node loss;
  loss.layer = LayerId{2};
  loss.kernel = "loss";
  loss.in_place = true;
  c.graph.nodes = {relu, loss};
  c.graph.evaluation = {relu};

  const Type activation{DType::f32, {64}, true}, weight{DType::f32, {64, 64}, false};
  using M = MemoryClass;
  Plan& p = c.plan;
  p.batch = kBatch;
  p.persistent = 3;
  p.train.buffers = {buffer("w", M::parameters, weight, 0, 4, 0),       buffer("w.m", M::optimizer, weight, 0, 4, 16384),
                     buffer("x", M::input, activation, 0, 4, 32768),    buffer("h", M::saved, activation, 0, 3, 33792),
                     buffer("w.dw", M::gradients, weight, 3, 4, 34816), buffer("fc.workspace", M::workspace, {DType::u8, {300}, false}, 0, 0, 34816)};
  p.train.buffers[0].last = p.train.buffers[1].last = p.train.buffers[2].last = 4;
  using K = ValueKind;
  p.train.values = {value("w", weight, K::parameter, 0),
                    value("w.m", weight, K::optimizer, 1),
                    value("x", activation, K::input, 2),
                    value("h", activation, K::activation, 3),
                    value("r", activation, K::activation, 3),
                    value("flat", activation, K::activation, 3, 4),
                    value("dr", activation, K::activation_gradient, 3),
                    value("w.dw", weight, K::gradient, 4)};
  p.train.calls = {call("fc_forward", {3}, {2, 0}), call("act_forward", {4}, {3}, Phase::forward, 1), call("loss", {6}, {5}, Phase::forward, 2),
                   call("fc_backward_weight", {7}, {2, 6}, Phase::backward), call("sgd_update", {0, 1}, {7}, Phase::update)};
  Call& fc = p.train.calls[0];
  fc.takes_workspace = true;
  fc.workspace_minimum = 300;
  fc.workspace = id(5);
  fc.workspace_offset = 34816;
  fc.workspace_bytes = 16384;

  p.evaluate.buffers = {p.train.buffers[0], p.train.buffers[1], p.train.buffers[2], buffer("h", M::transient, activation, 0, 1, 33792)};
  for (int i = 0; i < 3; ++i) p.evaluate.buffers[static_cast<size_t>(i)].last = 1;
  p.evaluate.values = {value("w", weight, K::parameter, 0), value("x", activation, K::input, 2), value("h", activation, K::activation, 3),
                       value("r", activation, K::activation, 3)};
  p.evaluate.calls = {call("fc_forward", {2}, {1, 0}), call("act_forward", {3}, {2}, Phase::forward, 1)};
  total(p);
  return c;
}

struct Mutation {
  const char* what;
  const char* expected;  ///< a part of the complaint
  std::function<void(Case&)> apply;
  bool retotal = true;  ///< bring the totals in line, so that only the mutation is wrong
};

void expect(const Mutation& mutation) {
  Case c = example();
  mutation.apply(c);
  if (mutation.retotal) total(c.plan);
  const std::vector<std::string> complaints = validate(c.plan, c.graph);
  INFO(mutation.what);
  std::string all;
  for (const std::string& complaint : complaints) all += complaint + "\n";
  CHECK_THAT(all, Catch::Contains(mutation.expected));
}

}  // namespace

TEST_CASE("a valid plan has no complaints", "[validate]") {
  const Case c = example();
  CHECK(validate(c.plan, c.graph) == std::vector<std::string>{});
  Case inference = c;
  inference.plan.train = {};
  total(inference.plan);
  for (const Buffer& b : inference.plan.evaluate.buffers) inference.plan.sum_of_buffers += b.bytes;
  CHECK(validate(inference.plan, inference.graph) == std::vector<std::string>{});
}

TEST_CASE("broken offsets, sizes and lifetimes are noticed", "[validate]") {
  const auto train = [](Case& c) -> Schedule& { return c.plan.train; };
  const Mutation mutations[] = {
      {"h over x", "share bytes", [&](Case& c) { train(c).buffers[3].offset = 32768; }},
      {"dw reaches into h", "share bytes", [&](Case& c) { train(c).buffers[4].offset = 33792 + 512; }},
      {"a persistent buffer, stated to be dead, is overlapped", "share bytes",
       [&](Case& c) {
         train(c).buffers[1].last = 2;
         train(c).buffers[4].offset = 16384;
       }},
      {"unaligned", "is not aligned", [&](Case& c) { train(c).buffers[4].offset += 128; }},
      {"before the arena", "not inside the arena", [&](Case& c) { train(c).buffers[3].offset = -256; }, false},
      {"after the arena", "not inside the arena", [&](Case& c) { train(c).buffers[4].offset += 16384; }, false},
      {"too small for its tensor", "has 512 bytes, not 1024", [&](Case& c) { train(c).buffers[3].bytes = 512; }},
      {"larger than its tensor", "bytes, not 1024", [&](Case& c) { train(c).buffers[3].bytes = 1280; }},
      {"a value larger than its buffer", "more than its buffer has", [&](Case& c) { train(c).values[4].type.shape = {65}; }},
      {"dies before its last reader", "but live only from", [&](Case& c) { train(c).buffers[3].last = 2; }},
      {"born after its writer", "but live only from", [&](Case& c) { train(c).buffers[4].first = 4; }},
      {"workspace not live at its call", "but live only from", [&](Case& c) { train(c).buffers[5].first = train(c).buffers[5].last = 1; }},
      {"lives past the end", "lives from call", [&](Case& c) { train(c).buffers[3].last = 6; }},
      {"nothing uses it", "no call touches 'spare'",
       [&](Case& c) {
         train(c).buffers.push_back(train(c).buffers[3]);
         train(c).buffers.back().name = "spare";
         train(c).buffers.back().offset = 59904;
       }},
      {"the batch is not the plan's", "bytes, not", [](Case& c) { c.plan.batch = 8; }},
  };
  for (const Mutation& mutation : mutations) expect(mutation);
}

TEST_CASE("broken data flow is noticed", "[validate]") {
  const auto train = [](Case& c) -> Schedule& { return c.plan.train; };
  const Mutation mutations[] = {
      {"an input that nobody wrote", "before anything wrote it", [&](Case& c) { std::swap(train(c).calls[0], train(c).calls[1]); }},
      {"reads the value below an in-place result", "reads 'h' but 'r' was written over it", [&](Case& c) { train(c).calls[2].inputs = {3}; }},
      {"reads a view of an overwritten value", "reads 'flat' but 'dr' was written over it",
       [&](Case& c) {
         train(c).calls[3].inputs = {2, 5};
       }},
      {"a view that is none", "reads 'flat' but 'r' was written over it", [&](Case& c) { train(c).values[5].same_as = -1; }},
      {"in place where the kernel may not", "which it may not do in place", [](Case& c) { c.graph.nodes[0].in_place = false; }},
      {"in place over an operand of fc", "which it may not do in place", [&](Case& c) { train(c).values[3].buffer = id(2); }},
      {"two outputs in one place", "to the same bytes",
       [&](Case& c) {
         train(c).calls[4].outputs = {0, 0};
       }},
      {"an activation over a parameter", "must outlive the step",
       [&](Case& c) { train(c).calls[0].outputs = {5}, train(c).values[5].buffer = id(0), train(c).values[5].same_as = -1; }},
      {"a parameter read after its update", "after its update",
       [&](Case& c) {
         std::swap(train(c).calls[3], train(c).calls[4]), train(c).calls[4].inputs = {2, 0};
       }},
      {"a second update", "a second time", [&](Case& c) { train(c).calls.push_back(train(c).calls[4]); }},
      {"a forward call writes a parameter", "is no update", [&](Case& c) { train(c).calls[4].phase = Phase::forward; }},
      {"evaluation writes a parameter", "is no update", [](Case& c) { c.plan.evaluate.calls[1].outputs = {0}; }},
      {"an update in each micro-step", "in each micro-step", [](Case& c) { c.graph.train.micro_steps = 4; }},
      {"a sum over micro-steps that is not live throughout", "carries a sum over the micro-steps",
       [&](Case& c) {
         c.graph.train.micro_steps = 4;
         train(c).calls[4].section = Section::update;
       }},
      {"sections out of order", "its section comes before", [&](Case& c) { train(c).calls[4].section = Section::begin; }},
      {"no such value", "an operand has no buffer", [&](Case& c) { train(c).calls[2].inputs = {99}; }},
      {"a value without a buffer", "an operand has no buffer", [&](Case& c) { train(c).values[3].buffer = {}; }},
      {"no such buffer", "is in no buffer", [&](Case& c) { train(c).values[3].buffer = id(77); }},
      {"no such layer", "of no layer", [&](Case& c) { train(c).calls[0].layer = LayerId{9}; }},
      {"same_as another buffer", "not in the buffer of the value it names", [&](Case& c) { train(c).values[5].buffer = id(2); }},
      {"same_as a later value", "no earlier value", [&](Case& c) { train(c).values[5].same_as = 6; }},
  };
  for (const Mutation& mutation : mutations) expect(mutation);
}

TEST_CASE("broken workspaces, persistent buffers and totals are noticed", "[validate]") {
  const auto train = [](Case& c) -> Schedule& { return c.plan.train; };
  const Mutation mutations[] = {
      {"workspace over a live buffer", "overlaps 'h'",
       [&](Case& c) { train(c).calls[0].workspace_offset = 33792, train(c).calls[0].workspace_bytes = 2048; }},
      {"workspace starts inside a live buffer", "overlaps 'h'", [&](Case& c) { train(c).calls[0].workspace_offset = 34560; }},
      {"workspace past the arena", "not an aligned part of the arena", [&](Case& c) { train(c).calls[0].workspace_bytes += 256; }},
      {"less than its minimum", "but must have 300", [&](Case& c) { train(c).calls[0].workspace_bytes = 256; }},
      {"less than its minimum in its buffer", "smaller than its minimum", [&](Case& c) { train(c).calls[0].workspace_minimum = 600; }},
      {"for a call that takes none", "takes none", [&](Case& c) { train(c).calls[0].takes_workspace = false; }},
      {"persistent buffers apart", "but 'w' at", [](Case& c) { c.plan.evaluate.buffers[0].offset = 34816; }},
      {"a parameter that is not persistent", "must be persistent", [](Case& c) { c.plan.persistent = 2; }},
      {"more persistent than there are", "has fewer than", [](Case& c) { c.plan.persistent = 5; }},
      {"the arena", "the arena has", [](Case& c) { c.plan.arena += 256; }, false},
      {"the end", "the buffers end at", [&](Case& c) { train(c).end -= 256; }, false},
      {"the bound", "the lower bound is", [&](Case& c) { train(c).lower_bound -= 256; }, false},
      {"the plan's bound", "the lower bound is", [](Case& c) { c.plan.lower_bound += 256; }, false},
      {"the peak", "at the stated peak", [&](Case& c) { train(c).peak = 1; }, false},
      {"optimal", "packing_optimal", [&](Case& c) { train(c).packing_optimal = !train(c).packing_optimal; }, false},
      {"the sum", "the buffers sum to", [](Case& c) { c.plan.sum_of_buffers += 1; }, false},
      {"the closed form, above", "does not give the lower bound", [](Case& c) { c.plan.fixed += kBatch; }, false},
      {"the closed form, below", "does not give the lower bound", [](Case& c) { c.plan.per_image /= 2; }, false},
  };
  for (const Mutation& mutation : mutations) expect(mutation);
}

TEST_CASE("a plan of 400,000 calls is checked in little time", "[validate]") {
  constexpr int kLayers = 100000;
  Case c;
  Plan& p = c.plan;
  c.graph.layers.resize(kLayers);
  const Type type{DType::f32, {64}, true};
  const int positions = 2 * kLayers;
  std::vector<Interval> lives;
  for (int i = 0; i < kLayers; ++i) {  // forward i writes a value that backward i reads; backward makes a gradient for the next
    lives.push_back({i, positions - 1 - i, 1024});
    lives.push_back({positions - 1 - i, std::min(positions - 1, positions - i), 1024});
  }
  const Packing packing = pack(lives, positions);
  p.batch = kBatch;
  for (int t = 0; t < positions; ++t)
    p.train.calls.push_back(call("k", {}, {}, t < kLayers ? Phase::forward : Phase::backward, std::min(t, positions - 1 - t)));
  for (size_t b = 0; b < lives.size(); ++b) {
    p.train.buffers.push_back(buffer("b" + std::to_string(b), MemoryClass::transient, type, lives[b].first, lives[b].last, packing.offsets[b]));
    p.train.values.push_back(value("v", type, ValueKind::activation, static_cast<int>(b)));
    p.train.calls[static_cast<size_t>(lives[b].first)].outputs.push_back(static_cast<int>(b));
    if (lives[b].last != lives[b].first) p.train.calls[static_cast<size_t>(lives[b].last)].inputs.push_back(static_cast<int>(b));
    p.sum_of_buffers += 1024;
  }
  p.arena = p.train.end = p.lower_bound = p.train.lower_bound = packing.end;
  p.train.packing_optimal = true;
  REQUIRE(packing.optimal);
  p.train.peak = kLayers;
  p.per_image = packing.end / kBatch;
  const auto start = std::chrono::steady_clock::now();
  CHECK(validate(p, c.graph) == std::vector<std::string>{});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::cout << "validation: " << positions << " calls, " << lives.size() << " buffers in " << seconds << " s\n";
  CHECK(seconds < 10);
}
