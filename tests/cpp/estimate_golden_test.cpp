// The renderers alone: a hand-made report, and the whole text and JSON it must give.
#include <catch2/catch.hpp>

#include "estimate/json.h"
#include "estimate/text.h"

using namespace netc;

namespace {

LayerRow row(std::string name, std::string op, std::string source, int line, Shape output) {
  LayerRow made;
  made.name = std::move(name);
  made.op = std::move(op);
  made.source = std::move(source);
  made.line = line;
  made.output = std::move(output);
  return made;
}

Report tiny() {
  Report report;
  report.network = "tiny";
  report.target = "cuda";
  report.dtype = "fp32";
  report.optimizer = "adam";
  report.settings = "adam";
  report.batch = 8;
  report.micro_steps = 2;
  report.layers = {row("input", "input", "input 16", 0, {16}), row("fc1", "fc", "fc 1000", 3, {1000}), row("relu1", "relu", "relu", 4, {1000})};
  report.layers[0].bytes[MemoryClass::input] = 512;
  report.layers[1].parameters = 17000;
  report.layers[1].macs = 16000;
  report.layers[1].flops = 32000;
  report.layers[1].bytes[MemoryClass::parameters] = 68096;
  report.layers[1].bytes[MemoryClass::saved] = 2 << 20;
  report.layers[1].why = "fc1: relu1 reads it";
  report.layers[1].scratch = {{"fc_forward", 512, 1 << 20}};
  report.layers[2].place = "in place";
  report.saved = {{"fc1", "relu1 reads it", 2 << 20}};
  Totals& t = report.totals;
  t.parameters = 17000;
  t.macs = 16000;
  t.flops = 32000;
  t.bytes[MemoryClass::input] = 512;
  t.bytes[MemoryClass::parameters] = 68096;
  t.bytes[MemoryClass::saved] = 2 << 20;
  t.sum_of_buffers = t.lower_bound = 2165760;
  t.arena = 2166016;
  t.fixed = 68096;
  t.per_image = 262208;
  t.evaluation = 70000;
  t.scratch = {3, 512, 1 << 20, 3 << 19};
  t.library = {int64_t{276} << 20, "taken from a card"};
  t.device = t.arena + t.library.bytes;
  report.verdict.room.memory = int64_t{1} << 30;
  report.verdict.fits = true;
  report.verdict.largest_batch = 2905;
  report.notes = {"assumed: something"};
  return report;
}

const char* const kText =
    R"(tiny: training at batch 8 fits: needs 278.07 MiB (arena 2.07 MiB, libraries about 276.00 MiB) of 1.00 GiB; the largest batch that fits is 2,905

Memory in MiB for the batch, before buffers share bytes; `always`: parameters, optimiser, statistics, input.
FLOPs of the forward pass, one sample.
line  layer  statement        output  parameters  FLOPs  always  grads  saved  transient  scratch
      input  input 16         16               -      -   <0.01      -      -          -        -
   3  fc1    fc 1000          1000        17,000  32.0k    0.06      -   2.00          -        -
   4  relu1  relu (in place)  1000             -      -       -      -      -          -        -
      sum                                 17,000  32.0k    0.07      -   2.00          -        -

Kept for the backward pass:
  fc1      2.00 MiB  relu1 reads it

One training step at batch 8 x 2 micro-steps, fp32, adam, target cuda:
  parameters                          68,096 B      0.06 MiB
  saved                            2,097,152 B      2.00 MiB
  input                                  512 B      0.00 MiB
  sum of all buffers               2,165,760 B      2.07 MiB   what they take without reuse
  lower bound                      2,165,760 B      2.07 MiB   the most that is live at one moment
  arena                            2,166,016 B      2.07 MiB   one allocation; 256 bytes (0.01 %) above the bound
  in closed form      68,096 + 262,208 x batch bytes at the peak
  evaluation                          70,000 B      0.07 MiB   within the same arena
  workspace granted   at least 1.00 MiB, median 1.50 MiB, to 3 calls; none needs more than 0.00 MiB
  library, about                 289,406,976 B    276.00 MiB   an estimate, not measured: taken from a card
  device                         291,572,992 B    278.07 MiB   arena + library

assumed: something

tiny: training at batch 8 fits: needs 278.07 MiB (arena 2.07 MiB, libraries about 276.00 MiB) of 1.00 GiB; the largest batch that fits is 2,905
)";

const char* const kJson =
    R"({"network":"tiny","batch":8,"dtype":"fp32","optimizer":"adam","target":"cuda","micro_steps":2,"layers":[)"
    R"({"name":"fc1","op":"fc","line":3,"output":[1000],"parameters":17000,"macs":16000,)"
    R"("bytes":{"parameters":68096,"gradients":0,"optimizer":0,"saved":2097152,"transient":0,"workspace":0,"state":0,"input":0},)"
    R"("why":"fc1: relu1 reads it","flops":32000,"source":"fc 1000","place":"","scratch":[{"kernel":"fc_forward","minimum":512,"granted":1048576}]}],)"
    R"("totals":{"parameters":17000,"macs":16000,"arena":2166016,"lower_bound":2165760,"sum_of_buffers":2165760,"fixed":68096,)"
    R"("per_image":262208,"library":289406976,"device":291572992,"flops":32000,"evaluation":70000,"packing_optimal":false,)"
    R"("bytes":{"parameters":68096,"gradients":0,"optimizer":0,"saved":2097152,"transient":0,"workspace":0,"state":0,"input":512},)"
    R"("scratch":{"calls":3,"minimum":512,"least":1048576,"median":1572864}},)"
    R"("buffers":[{"name":"fc1","class":"saved","dtype":"f32","shape":[1000],"bytes":32000,"offset":256,"first":1,"last":4,"line":3,)"
    R"("why":"relu1 reads it","batched":true,"slices":1}],)"
    R"("verdict":{"fits":true,"memory":1073741824,"largest_batch":2905,"cards":[]},"notes":["assumed: something"]})";

/// The first part of `expected` that `actual` does not have; keys may have been added, never renamed.
std::string missing(const nlohmann::json& expected, const nlohmann::json& actual, const std::string& path) {
  if (expected.type() != actual.type() && !(expected.is_number() && actual.is_number())) return path + " has another type";
  if (!expected.is_structured()) return expected == actual ? "" : path + " is " + actual.dump() + ", not " + expected.dump();
  for (const auto& [key, value] : expected.items()) {
    const bool has = expected.is_array() ? std::stoul(key) < actual.size() : actual.contains(key);
    if (!has) return path + "/" + key + " is missing";
    const std::string found = missing(value, expected.is_array() ? actual[std::stoul(key)] : actual[key], path + "/" + key);
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace

TEST_CASE("the whole text of a report", "[estimate]") {
  CHECK(estimate_text(tiny()) == kText);
  Report report = tiny();
  report.verdict.room.memory = report.totals.device - 1;  // differs by less than the text shows
  report.verdict.fits = false;
  report.verdict.largest_batch = 7;
  CHECK(verdict_text(report) ==
        "tiny: training at batch 8 does not fit: needs 291,572,992 bytes (arena 2.07 MiB, libraries about 276.00 MiB) of 291,572,991 bytes; "
        "the largest batch that fits is 7");
}

TEST_CASE("long names of layers keep their ends", "[estimate]") {
  Report report = tiny();
  report.layers[1].name = "inception1.cbr1.conv1";
  report.layers[2].place = "inside inception1.cbr1.conv1";
  CHECK_THAT(estimate_text(report), Catch::Contains("  3  ..on1.cbr1.conv1  fc 1000"));
  CHECK_THAT(estimate_text(report), Catch::Contains("relu (inside conv1)"));
}

TEST_CASE("the interface's part of the JSON of a report", "[estimate]") {
  Report report = tiny();
  report.layers = {report.layers[1]};
  Plan plan;
  Buffer buffer;
  buffer.name = "fc1";
  buffer.cls = MemoryClass::saved;
  buffer.type = {DType::f32, {1000}, true};
  buffer.bytes = 32000;
  buffer.offset = 256;
  buffer.first = 1;
  buffer.last = 4;
  buffer.where = {0, 3, 1, 1};
  buffer.why = "relu1 reads it";
  plan.train.buffers = {buffer};
  const auto json = nlohmann::json::parse(estimate_json_text(report, plan));
  CHECK(missing(nlohmann::json::parse(kJson), json, "") == "");
  CHECK(json["layers"].size() == 1);
  CHECK(json["buffers"].size() == 1);
}
