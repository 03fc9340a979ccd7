// The report: rules of thumb against the published numbers, rows and totals against the plan, the verdict against planning.
#include <catch2/catch.hpp>
#include <iostream>

#include "compiled.h"
#include "estimate/json.h"
#include "estimate/rules.h"
#include "estimate/text.h"
#include "estimate/units.h"
#include "passes/pipeline.h"
#include "plan/make_plan.h"
#include "plan/validate.h"
#include "sequential.h"

using namespace netc;

namespace {

const std::vector<std::string> kSimpleCnn = {"conv 32 3x3 pad", "relu",   "pool 2x2/2", "conv 64 3x3 pad", "relu",
                                             "pool 2x2/2",      "fc 500", "relu",       "fc 10",           "loss softmax"};

Target plain_target(int64_t workspace = 0) {
  return {"cuda", 2, [workspace](std::string_view, const Desc&, int64_t) { return workspace; }, true, 0};
}

Graph compiled(Graph graph, bool training) {
  for (const Pass& pass : kPasses) {
    if (training || !pass.training_only) pass.for_target != nullptr ? pass.for_target(graph, plain_target()) : pass.run(graph);
  }
  return graph;
}

Plan planned(const Graph& graph, int64_t batch, int64_t workspace = 0) {
  std::string error;
  std::optional<Plan> plan = make_plan(graph, plain_target(workspace), batch, error);
  INFO(error);
  REQUIRE(plan);
  return *plan;
}

Graph simple_cnn(bool training = true) {
  Graph graph = testing::sequential("simple_cnn", {50, 50, 3}, kSimpleCnn);
  graph.train.momentum = 0.9;
  graph.train.batch = 64;
  return compiled(std::move(graph), training);
}

int64_t bytes_of(const std::vector<Rule>& rules, const std::string& id) {
  for (const Rule& rule : rules) {
    if (rule.id == id) return rule.bytes;
  }
  FAIL("no rule " << id);
  return 0;
}

}  // namespace

TEST_CASE("rules of thumb give the numbers of docs/memory.md for simple_cnn", "[estimate]") {
  for (bool compile : {false, true}) {  // fusing must not change what a table of the network says
    const Graph graph = compile ? simple_cnn() : testing::sequential("simple_cnn", {50, 50, 3}, kSimpleCnn);
    const std::vector<Rule> rules = rules_of_thumb(graph, 64);
    CHECK(rules[0].values == 157226);
    CHECK(bytes_of(rules, "forward_image") == 628904);
    CHECK(rules[1].values == 10062464);
    CHECK(bytes_of(rules, "forward_batch") == 40249856);
    CHECK(bytes_of(rules, "forward_x2") == 2 * 40249856);
    CHECK(bytes_of(rules, "forward_x3") == 3 * 40249856);
    CHECK(bytes_of(rules, "parameters_x3") == 55594824);
    // torchinfo: 64*7500 + 2*64*(80000+40000+500+10) + 4632902 values
    CHECK(bytes_of(rules, "torchinfo") == 4 * (64 * 7500 + 2 * 64 * 120510 + 4632902));
    // torchsummary counts the relus too
    CHECK(bytes_of(rules, "torchsummary") == 4 * (64 * 7500 + 2 * 64 * 270226 + 4632902));
    CHECK(bytes_of(rules, "keras_summary") == 4 * 4632902);
    CHECK(bytes_of(rules, "keras_usage") == 4 * (64 * 157226 + 4632902));
  }
}

TEST_CASE("the rows of VGG-16 add to 15,237,608 values, not the printed 24M", "[estimate]") {
  std::vector<std::string> statements;
  const std::pair<int, int> stages[] = {{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}};
  for (const auto& [count, channels] : stages) {
    for (int i = 0; i < count; ++i) {
      statements.push_back("conv " + std::to_string(channels) + " 3x3 pad");
      statements.push_back("relu");
    }
    statements.push_back("pool 2x2/2");
  }
  for (const char* s : {"fc 4096", "relu", "drop 0.5", "fc 4096", "relu", "drop 0.5", "fc 1000", "loss softmax"}) statements.push_back(s);
  const std::vector<Rule> rules = rules_of_thumb(testing::sequential("vgg16", {224, 224, 3}, statements), 1);
  CHECK(rules[0].values == 15237608);
  CHECK(rules[0].bytes == 60950432);
  CHECK(bytes_of(rules, "keras_summary") == 4 * int64_t{138357544});
}

TEST_CASE("rows and totals of the report are those of the plan", "[estimate]") {
  for (bool training : {true, false}) {
    const Graph graph = simple_cnn(training);
    const Plan plan = planned(graph, 64, 1000);
    CHECK(validate(plan, graph) == std::vector<std::string>{});
    const Report report = make_report(graph, plan, {});
    CHECK(report.training == training);
    CHECK(report.totals.parameters == 4632902);
    CHECK(report.totals.macs == 2500 * 32 * 27 + 625 * 64 * 288 + 9216 * 500 + 500 * 10);
    CHECK(report.layers.size() == graph.layers.size() + 1);
    int64_t rows = 0, classes = 0;
    for (const LayerRow& row : report.layers) {
      for (int64_t bytes : row.bytes.of) rows += bytes;
    }
    for (int64_t bytes : report.totals.bytes.of) classes += bytes;
    CHECK(rows == plan.sum_of_buffers);
    CHECK(classes == plan.sum_of_buffers);
    CHECK(report.totals.fixed + report.totals.per_image * 64 == plan.lower_bound);
    CHECK(report.totals.device == plan.arena + report.totals.library.bytes);
    CHECK(report.layers[1].output == Shape{50, 50, 32});
    CHECK(report.layers[2].output == Shape{50, 50, 32});  // the relu as written, though it runs after the pool
    CHECK(report.layers[3].output == Shape{25, 25, 32});
    CHECK(report.saved.empty() == !training);
    for (const SavedTensor& saved : report.saved) CHECK_THAT(saved.why, Catch::EndsWith("it"));
  }
}

TEST_CASE("a tied weight counts once, and the macs of both layers", "[estimate]") {
  Graph graph = testing::sequential("tied", {8}, {"fc 8", "fc 8"});
  graph[graph.layers[1].params[0]].same_as = graph.layers[0].params[0];
  const Graph ready = compiled(graph, false);
  const Report report = make_report(ready, planned(ready, 1), {});
  CHECK(report.layers[1].parameters == 72);
  CHECK(report.layers[2].parameters == 8);
  CHECK(report.totals.parameters == 80);
  CHECK(report.totals.macs == 128);
}

TEST_CASE("the time table adds its layers up, micro-steps and all", "[estimate]") {
  const auto table = [](const char* micro_steps) {
    const std::string train = std::string("train { sgd 0.1; batch ") + micro_steps + "x8 }\n";
    return make_time_table(*compile_text("input 8x8x3\nconv 16 3x3 pad; relu\nfc 10\nloss softmax\n" + train).graph, true, 8, *find_gpu("p100"));
  };
  const TimeTable one = table("1"), four = table("4");
  REQUIRE(one.layers.size() == 5);  // the input, conv, relu, fc, loss
  LayerTime sum;
  for (const LayerTime& layer : one.layers) {
    sum.forward.add(layer.forward);
    sum.backward.add(layer.backward);
  }
  CHECK(sum.forward.seconds == Approx(one.sum.forward.seconds));
  CHECK(sum.backward.cost.bytes == Approx(one.sum.backward.cost.bytes));
  CHECK(one.samples_per_second == Approx(8 / one.seconds()));
  CHECK(bound_by(one.layers[0]) == "-");
  CHECK(bound_by(one.layers[3]) == "memory");
  // Forward everything is done four times; the update, which waits, once.
  CHECK(four.sum.forward.cost.flops == Approx(4 * one.sum.forward.cost.flops));
  CHECK(four.sum.backward.seconds > 3 * one.sum.backward.seconds);
  CHECK(four.samples_per_second == Approx(32 / four.seconds()));
}

TEST_CASE("a card is as fast as its slower side", "[estimate]") {
  Gpu card = *find_gpu("p100");
  const Graph graph = simple_cnn();
  const double both = make_time_table(graph, true, 64, card).seconds();
  card.bandwidth *= 1000000;
  const TimeTable computes = make_time_table(graph, true, 64, card);
  CHECK(computes.seconds() == Approx((computes.sum.forward.cost.flops + computes.sum.backward.cost.flops) / (0.65 * 9.3e12)).epsilon(1e-3));
  CHECK(bound_by(computes.sum) == "arithmetic");
  card = *find_gpu("p100");
  card.fp32 *= 1000000;
  const TimeTable moves = make_time_table(graph, true, 64, card);
  CHECK(moves.seconds() == Approx((moves.sum.forward.cost.bytes + moves.sum.backward.cost.bytes) / (0.75 * 732e9)).epsilon(1e-3));
  CHECK(bound_by(moves.sum) == "memory");
  CHECK(both < computes.seconds() + moves.seconds());
  CHECK(both > std::max(computes.seconds(), moves.seconds()));
}

TEST_CASE("the largest batch fits and the next does not, both planned", "[estimate]") {
  const Graph graph = simple_cnn();
  const auto arena_at = [&](int64_t batch) { return planned(graph, batch).arena; };
  const PlanAt plan_at = [&](int64_t batch) { return Trial{batch, arena_at(batch), 0}; };
  for (int64_t memory : {int64_t{1} << 30, int64_t{12} << 30}) {
    EstimateOptions options;
    options.memory = memory;
    options.plan_at = plan_at;
    const Report report = make_report(graph, planned(graph, 64), options);
    REQUIRE(report.verdict.largest_batch);
    const int64_t largest = *report.verdict.largest_batch, library = report.totals.library.bytes;
    CHECK(largest > 64);
    CHECK(arena_at(largest) + library <= memory);
    CHECK(arena_at(largest + 1) + library > memory);
    CHECK(report.verdict.fits == true);
    CHECK_THAT(verdict_text(report), Catch::Contains("fits: needs") && Catch::Contains("the largest batch that fits is " + grouped(largest)));
  }
  EstimateOptions tiny;
  tiny.memory = int64_t{300} << 20;
  tiny.plan_at = plan_at;
  const Report report = make_report(graph, planned(graph, 64), tiny);
  CHECK(report.verdict.fits == false);
  CHECK(report.verdict.largest_batch == 0);
  CHECK_THAT(verdict_text(report), Catch::Contains("does not fit: needs") && Catch::Contains("not even batch 1 fits"));
}

TEST_CASE("without a memory the verdict names cards it fits on", "[estimate]") {
  const Graph graph = simple_cnn();
  const Report report = make_report(graph, planned(graph, 64), {});
  CHECK_FALSE(report.verdict.fits);
  REQUIRE(report.verdict.cards.size() == 3);
  CHECK(report.verdict.cards[0]->gib < report.verdict.cards[1]->gib);
  for (const Gpu* gpu : report.verdict.cards) CHECK(report.totals.arena + library_bytes(*gpu) <= usable_bytes(*gpu));
  CHECK_THAT(verdict_text(report),
             Catch::StartsWith("simple_cnn: training at batch 64 needs ") && Catch::Contains(report.verdict.cards[0]->name.data()));
}

TEST_CASE("the text begins and ends with the verdict and keeps to 120 columns", "[estimate]") {
  const Graph graph = simple_cnn();
  EstimateOptions options;
  options.gpu = find_gpu("rtx3060");
  options.notes = {"assumed: something"};
  const Report report = make_report(graph, planned(graph, 64), options);
  const std::string text = estimate_text(report, rules_text(rules_of_thumb(graph, 64), report.totals.arena));
  const std::string verdict = verdict_text(report) + "\n";
  CHECK_THAT(text, Catch::StartsWith(verdict) && Catch::EndsWith(verdict));
  CHECK_THAT(text, Catch::Contains("assumed: something") && Catch::Contains("628,904 B") && Catch::Contains("55,594,824 B"));
  CHECK_THAT(text, Catch::Contains("50x50x32") && Catch::Contains("4,608,500") && Catch::Contains(grouped(report.totals.arena)));
  const std::string body = text.substr(0, text.size() - verdict.size());  // the verdict is one sentence on one line
  for (size_t at = verdict.size(); at < body.size();) {
    const size_t end = body.find('\n', at);
    INFO(body.substr(at, end - at));
    CHECK(end - at <= 120);
    at = end + 1;
  }
}

TEST_CASE("JSON has the keys of the interface", "[estimate]") {
  const Graph graph = simple_cnn();
  EstimateOptions options;
  options.memory = int64_t{8} << 30;
  const Plan plan = planned(graph, 64);
  const Report report = make_report(graph, plan, options);
  const auto json = nlohmann::json::parse(estimate_json_text(report, plan, rules_of_thumb(graph, 64)));
  for (const char* key : {"network", "batch", "dtype", "optimizer", "layers", "totals", "buffers", "verdict"}) CHECK(json.contains(key));
  CHECK(json["network"] == "simple_cnn");
  CHECK(json["batch"] == 64);
  CHECK(json["optimizer"] == "sgd");
  REQUIRE(json["layers"].size() == graph.layers.size() + 1);
  const auto& layer = json["layers"][1];
  for (const char* key : {"name", "op", "line", "output", "parameters", "macs", "bytes", "why"}) CHECK(layer.contains(key));
  for (const char* key : {"parameters", "gradients", "optimizer", "saved", "transient", "workspace"}) CHECK(layer["bytes"].contains(key));
  CHECK(layer["name"] == "conv1");
  CHECK(layer["line"] == 3);
  CHECK(layer["output"] == nlohmann::json({50, 50, 32}));
  CHECK(layer["parameters"] == 896);
  CHECK(layer["bytes"]["optimizer"] == 3584 + 256);  // 32*27 weights and 32 biases, each rounded up to 256 bytes
  for (const char* key : {"parameters", "macs", "arena", "lower_bound", "sum_of_buffers", "fixed", "per_image", "library", "device"}) {
    CHECK(json["totals"].contains(key));
  }
  int64_t sum = 0;
  for (const auto& buffer : json["buffers"]) {
    for (const char* key : {"name", "class", "dtype", "shape", "bytes", "offset", "first", "last", "line", "why"}) CHECK(buffer.contains(key));
    sum += buffer["bytes"].get<int64_t>();
  }
  CHECK(sum == json["totals"]["sum_of_buffers"]);
  CHECK(json["verdict"]["fits"] == true);
  CHECK(json["verdict"]["memory"] == int64_t{8} << 30);
  CHECK(json["verdict"]["largest_batch"].is_null());
  CHECK(json["rules"].size() == 9);
}

TEST_CASE("hostile names do not break the JSON", "[estimate]") {
  Graph graph = simple_cnn();
  graph.name = "a\"\\\n\xff";
  const Plan plan = planned(graph, 2);
  const auto json = nlohmann::json::parse(estimate_json_text(make_report(graph, plan, {}), plan));
  CHECK(json["network"].get<std::string>().substr(0, 4) == "a\"\\\n");
}

TEST_CASE("GPU table: sizes, look-up and suggestions", "[estimate]") {
  CHECK(gpu_table().size() >= 40);
  std::map<std::string_view, int> ids;
  for (const Gpu& gpu : gpu_table()) {
    CHECK(++ids[gpu.id] == 1);
    CHECK(find_gpu(gpu.id) == &gpu);
    CHECK(gpu.bandwidth > 100);
    CHECK(gpu.fp32 > 1);
    CHECK(gpu.tf32 <= gpu.fp16);
    CHECK(usable_bytes(gpu) < int64_t{gpu.gib} << 30);
    CHECK(library_bytes(gpu) < usable_bytes(gpu) / 4);
    CHECK_THAT(gpus_text(), Catch::Contains(std::string(gpu.id)));
  }
  CHECK(find_gpu("RTX 3060") == find_gpu("rtx3060"));
  CHECK(find_gpu("nothing") == nullptr);
  CHECK(nearest_gpu("rtx306o") == "rtx3060");
  CHECK(nearest_gpu("a100").substr(0, 4) == "a100");
  CHECK(nearest_gpu("abacus of the ancients") == "");
  // Within 5 % of the bare contexts published for these cards, in MiB.
  const std::pair<const char*, int> contexts[] = {{"titanv", 319}, {"rtx4060ti", 107}, {"rtxpro6000", 555}, {"b200", 612}};
  for (const auto& [id, mib] : contexts) {
    const double estimate = static_cast<double>(library_bytes(*find_gpu(id)) - kLoadedKernels) / (1 << 20);
    CHECK(estimate == Approx(mib).epsilon(0.05));
  }
}

TEST_CASE("numbers for people", "[estimate]") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(memory_text(40249856) == "38.39 MiB");
  CHECK(memory_text(int64_t{5} << 28) == "1.25 GiB");
  CHECK(count_text(999) == "999");
  CHECK(count_text(2293000) == "2.29M");
  CHECK(count_text(999999) == "1.00M");
  CHECK(count_text(15470264320) == "15.5G");
}
