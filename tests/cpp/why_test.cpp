// What is alive at the peak, and changes measured by planning them.
#include <catch2/catch.hpp>

#include <algorithm>

#include "compiled.h"
#include "driver/changes.h"
#include "estimate/why.h"

using namespace netc;

namespace {

constexpr const char* kSmall =
    "input 16x16x3\nconv 8 3x3 pad; relu; pool 2x2/2\nconv 16 3x3 pad; relu\nfc 32; relu; fc 10\nloss softmax\ntrain { adam 1e-3 clip 1; batch 8; steps 1 }\n";
constexpr const char* kBlocks =
    "input 32x32x3\ndef block n { conv n 3x3 pad; bn; relu; conv n 3x3 pad; bn; relu }\n3 * block 16\navgpool; fc 10\nloss softmax\ntrain { sgd 0.1; batch 32; steps 1 }\n";

/// The changes of `text`, and the plan they are measured against.
std::pair<std::vector<Change>, Plan> changes_of(const std::string& text, Options options = {}) {
  TemporaryFolder folder;
  const Parsed parsed = parse_network(folder.write("test.net", text));
  Compilation made = resolve_network(parsed, resolve_options(options, false));
  REQUIRE(made.graph);
  const Graph resolved = *made.graph;
  const Target target = cuda_target(0);
  run_passes(made, trains(resolved, options), &target);
  Plan plan = plan_of(*made.graph, target, made.graph->train.batch);
  int said = 0;
  std::vector<Change> changes = try_changes({parsed, options, target, resolved, *made.graph, plan}, [&](const std::string&) { ++said; });
  CHECK(said >= static_cast<int>(changes.size()));
  return {std::move(changes), std::move(plan)};
}

int64_t arena_of(const std::string& text, Options options = {}) {
  const Compilation made = compile_text(text, std::move(options));
  return plan_of(*made.graph, cuda_target(0), made.graph->train.batch).arena;
}

const Change& change(const std::vector<Change>& changes, const std::string& part) {
  const auto at = std::ranges::find_if(changes, [&](const Change& each) { return each.text.find(part) != std::string::npos; });
  INFO(part);
  REQUIRE(at != changes.end());
  return *at;
}

std::string with(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_CASE("what is alive at the peak makes up the bound", "[why]") {
  for (const char* text : {kSmall, kBlocks, "input 8x8x1\nfc 2000; relu; fc 10\nloss softmax\n", "input 8x8x3\nconv 4 3x3; relu\n"}) {
    const Compilation made = compile_text(text);
    const Plan plan = plan_of(*made.graph, cuda_target(0), made.graph->train.batch);
    const Peak peak = find_peak(*made.graph, plan);
    int64_t sum = 0;
    for (const Alive& alive : peak.alive) {
      sum += alive.bytes;
      CHECK_FALSE(alive.why.empty());
    }
    CHECK(sum == peak.bytes);
    CHECK(peak.bytes == plan.lower_bound);
    CHECK(std::ranges::is_sorted(peak.alive, std::greater<>(), &Alive::bytes));
    CHECK(peak.evaluation == plan.train.calls.empty());
  }
}

TEST_CASE("the moment of the peak in words", "[why]") {
  const auto moment = [](const std::string& text) {
    const Compilation made = compile_text(text);
    return find_peak(*made.graph, plan_of(*made.graph, cuda_target(0), made.graph->train.batch)).moment;
  };
  CHECK(moment("input 64x64x3\nfc 1000; relu; fc 10\nloss softmax\n") == "while the weight gradient of fc1 is made");
  CHECK(moment("input 64x64x3\nconv 16 3x3 pad; relu; conv 16 3x3 pad\n") == "while conv2 runs forward");
  const Compilation made = compile_text(kSmall);
  Plan plan = plan_of(*made.graph, cuda_target(0), 8);
  const auto update = std::ranges::find_if(plan.train.calls, [](const Call& call) { return call.purpose == "the update"; });
  plan.train.peak = static_cast<int>(update - plan.train.calls.begin());
  CHECK(find_peak(*made.graph, plan).moment.starts_with("during the update (fc2."));
}

TEST_CASE("a peak of evaluation is said to be one", "[why]") {
  const Compilation made = compile_text(kSmall);
  Plan plan = plan_of(*made.graph, cuda_target(0), 8);
  plan.evaluate.end = plan.train.end + 1;
  const Peak peak = find_peak(*made.graph, plan);
  CHECK(peak.evaluation);
  CHECK(peak.bytes == plan.evaluate.lower_bound);
}

TEST_CASE("changes are measured by planning the changed file", "[why]") {
  const auto [changes, plan] = changes_of(kSmall);
  CHECK(change(changes, "batch 2x4 instead of 8").arena == arena_of(with(kSmall, "batch 8", "batch 2x4")));
  CHECK(change(changes, "batch 2x4 instead of 8").same_results);
  CHECK(change(changes, "sgd without momentum").arena == arena_of(with(kSmall, "adam 1e-3", "sgd 0.1")));
  CHECK(change(changes, "sgd with momentum").arena == arena_of(with(kSmall, "adam 1e-3", "sgd 0.1 momentum 0.9")));
  CHECK(change(changes, "no `clip`").arena == arena_of(with(kSmall, " clip 1", "")));
  CHECK_FALSE(change(changes, "no `clip`").same_results);
  CHECK(change(changes, "input 8x8x3 instead of 16x16x3").arena == arena_of(with(kSmall, "16x16x3", "8x8x3")));
}

TEST_CASE("tensors made again lower the arena where activations fill it", "[why]") {
  const auto [changes, plan] = changes_of(kBlocks);
  const Change& every = change(changes, "inside every block");
  CHECK(every.same_results);
  CHECK(every.arena < plan.arena);
  REQUIRE(every.more_time);
  CHECK(*every.more_time > 0);
  CHECK(*every.more_time < 0.5);  // less than a whole forward pass
  CHECK(change(changes, "inside block2").arena < plan.arena);
  CHECK_THAT(change(changes, "batch 2x16").effect, Catch::Contains("bn takes its statistics over 16"));
  CHECK_FALSE(change(changes, "batch 2x16").same_results);
  for (const Change& each : changes) CHECK(each.text.find("clip") == std::string::npos);
}

TEST_CASE("what `recompute` in the file makes again stays so", "[why]") {
  const std::string text = with(with(kBlocks, "3 * block 16", "stem: block 16; block 16; block 16"), "batch 32", "batch 32; recompute stem");
  const auto [changes, plan] = changes_of(text);
  CHECK(plan.arena == arena_of(text));
  const Change& other = change(changes, "inside block2");
  CHECK(other.arena < plan.arena);
  CHECK(change(changes, "inside every block").arena <= other.arena);
  CHECK(std::ranges::none_of(changes, [](const Change& each) { return each.text.find("inside block1") != std::string::npos; }));  // it is already
}

TEST_CASE("changes that there cannot be", "[why]") {
  Options inference;
  inference.inference = true;
  const auto [changes, plan] = changes_of(kSmall, inference);
  CHECK(std::ranges::none_of(changes, [](const Change& each) { return each.kind == "optimizer" || each.kind == "recompute" || each.kind == "micro_steps"; }));
  CHECK(change(changes, "batch 4 instead of 8").same_results);
  const auto [odd, least] = changes_of("input 9\nfc 3\nloss softmax\ntrain { sgd 0.1; batch 7; steps 1 }\n");
  CHECK(odd.at(0).text == "batch 7x1 instead of 7");
  const auto [one, single] = changes_of("input 9\nfc 3\nloss softmax\ntrain { sgd 0.1; batch 1; steps 1 }\n");
  CHECK(std::ranges::none_of(one, [](const Change& each) { return each.kind != "recompute"; }));
}

TEST_CASE("the text and the JSON of --why", "[why]") {
  Why why;
  why.network = "tiny";
  why.target = "cuda";
  why.batch = 8;
  why.arena = 1256;
  why.peak = {false, 3, "while the weight gradient of fc1 is made", 1000, {}};
  why.peak.alive = {{"fc1.w", MemoryClass::parameters, 600, 3, "learned"},
                    {"x", MemoryClass::saved, 391, 2, "fc1 reads it"},
                    {"y", MemoryClass::saved, 5, 2, "fc1 reads it"},
                    {"z", MemoryClass::saved, 4, 2, "fc1 reads it"}};
  why.tried = 5;
  for (int i = 0; i < 4; ++i) why.changes.push_back({fmt::format("kind{}", i), fmt::format("change {}", i), "the same step", i == 0, 256 + i * 100, {}});
  why.changes[1].more_time = 0.0256;
  CHECK(why_text(why) == R"(tiny: at batch 8 most is alive while the weight gradient of fc1 is made: 1,000 bytes (0.00 MiB)
The arena is 256 bytes larger: offsets leave gaps.

line  tensor        class                   bytes    share  why it is there
   3  fc1.w         parameters                600   60.0 %  learned
   2  x             saved                     391   39.1 %  fc1 reads it
      2 small ones  saved                       9    0.9 %  below 1 % each

What would lower the arena most (the best of each kind among 5 changes, each planned):
  -            1,000 B    79.6 %   change 0
                                 to 256 (0.00 MiB); the same step
  -              900 B    71.7 %   change 1
                                 to 356 (0.00 MiB); the same step; +2.6 % time by the roofline
  -              800 B    63.7 %   change 2
                                 to 456 (0.00 MiB); the same step
)");
  const auto json = why_json(why);
  CHECK(json["peak"]["moment"] == "while the weight gradient of fc1 is made");
  CHECK(json["alive"].size() == 4);
  CHECK(json["changes"].size() == 4);
  CHECK(json["changes"][0]["saved"] == 1000);
  CHECK(json["changes"][0]["same_results"] == true);
  CHECK(json["changes"][0]["more_time"].is_null());
  CHECK(json["changes"][1]["more_time"] == 0.0256);
  why.changes.clear();
  CHECK_THAT(why_text(why), Catch::Contains("None of the 5 changes"));
}
