// The reference table: parameters, multiply-accumulates, running statistics and inner shapes of well-known networks, as torchvision
// has them; and that every plan of the table is packed at its lower bound.
#include <fmt/format.h>

#include <array>
#include <set>

#include "compiled.h"

namespace netc {
namespace {

struct Reference {
  const char* example;
  int64_t parameters, macs, statistics;
  std::vector<const char*> shapes;  ///< that must appear, in this order
};

const std::vector<Reference>& references() {
  static const std::vector<Reference> table = {
      {"lenet", 431'080, 2'293'000, 0, {"24x24x20", "12x12x20", "8x8x50", "4x4x50"}},
      {"simple_cnn", 4'632'902, 18'293'000, 0, {"50x50x32", "25x25x32", "25x25x64", "12x12x64"}},
      {"alexnet", 61'100'840, 714'188'480, 0, {"55x55x64", "27x27x64", "27x27x192", "13x13x192", "13x13x256", "6x6x256"}},
      {"vgg16", 138'357'544, 15'470'264'320, 0, {"224x224x64", "112x112x128", "56x56x256", "28x28x512", "7x7x512"}},
      {"vgg19", 143'667'240, 19'632'062'464, 0, {"224x224x64", "7x7x512"}},
      {"googlenet", 6'624'904, 1'498'376'192, 14'560,
       {"112x112x64", "56x56x64", "28x28x192", "28x28x256", "28x28x480", "14x14x512", "14x14x528", "14x14x832", "7x7x832", "7x7x1024"}},
      {"inception_v3", 23'834'568, 5'713'216'096, 34'432,
       {"149x149x32", "147x147x32", "147x147x64", "73x73x64", "71x71x192", "35x35x192", "35x35x288", "17x17x768", "8x8x1280", "8x8x2048"}},
      {"resnet18", 11'689'512, 1'814'073'344, 9'600, {"112x112x64", "7x7x512"}},
      {"resnet34", 21'797'672, 3'663'761'408, 17'024, {"112x112x64", "7x7x512"}},
      {"resnet50", 25'557'032, 4'089'184'256, 53'120, {"112x112x64", "56x56x64", "56x56x256", "28x28x512", "14x14x1024", "7x7x2048"}},
      {"resnet152", 60'192'808, 11'513'626'624, 151'424, {"7x7x2048"}},
      {"densenet121", 7'978'856, 2'834'161'664, 83'648, {"56x56x256", "28x28x512", "14x14x1024", "7x7x1024"}},
      {"mobilenet_v2", 3'504'872, 300'774'272, 34'112, {"112x112x32", "7x7x1280"}},
      {"efficientnet_b0", 5'288'548, 385'814'752, 42'016,
       {"112x112x32", "112x112x16", "56x56x24", "28x28x40", "14x14x80", "14x14x112", "7x7x192", "7x7x320"}},
      {"convnext_t", 28'589'128, 4'455'531'264, 0, {"56x56x96", "28x28x192", "14x14x384", "7x7x768"}},
      // Published sizes of further examples: torchvision's num_params and running statistics; WideResNet's paper says 36.5 M and 5.2 G.
      {"resnext50", 25'028'904, 4'230'479'872, 68'224, {"112x112x64", "56x56x256", "28x28x512", "14x14x1024", "7x7x2048"}},
      {"squeezenet1_1", 1'235'496, 349'151'936, 0, {"111x111x64", "55x55x64", "27x27x128", "13x13x256", "13x13x512"}},
      {"shufflenet_v2", 2'278'604, 144'907'992, 16'180, {"112x112x24", "28x28x116", "14x14x232", "7x7x464", "7x7x1024"}},
      {"wideresnet28_10", 36'479'194, 5'243'328'768, 17'952, {"32x32x160", "16x16x320", "8x8x640"}},
      {"unet", 31'037'633, 48'167'387'136, 11'776, {"256x256x64", "16x16x1024", "256x256x1"}},
  };
  return table;
}

constexpr const char* kVit = R"(net vit_b_16
let C=768 H=12 T=197
input 224x224x3
conv C 16x16/16; tokens; cls; position T
12 * { add {} { norm; attn H }; add {} { norm; fc 4C; gelu; fc C } }
norm; first; fc 1000
loss softmax
)";

constexpr const char* kGpt2 = R"(net gpt2
let L=12 H=12 C=768 V=50257 T=1024
input T tokens V from tokens "fineweb_*.bin"
def block {
  add {} { norm; attn H causal }
  add {} { norm; fc 4C; gelu tanh; fc C }
}
emb: embed V C
position T
L * block
norm; fc V tie emb nobias
loss softmax
init normal 0.02
train { adamw 6e-4 betas 0.9 0.95 decay 0.1 on matrices clip 1; batch 8x64; cosine warmup 700 to 0; steps 18865 }
)";

/// Networks over sequences, with the shapes between attention's parts.
const std::vector<std::pair<Reference, const char*>>& sequence_references() {
  static const std::vector<std::pair<Reference, const char*>> table = {
      {{"vit_b16", 86'567'656, 17'563'828'224, 0, {"14x14x768", "196x768", "197x768", "197x2304", "197x768", "197x3072", "197x768", "768"}}, kVit},
      {{"gpt2", 124'439'808, 145'824'153'600, 0, {"1024x768", "1024x2304", "1024x768", "1024x3072", "1024x768", "1024x50257"}}, kGpt2},
  };
  return table;
}

int64_t count(const Graph& graph, ValueKind kind) {
  int64_t sum = 0;
  for (const Value& value : graph.values)
    if (value.kind == kind) sum += elements(value.type.shape).value();
  return sum;
}

void check_shapes(const Graph& graph, const Reference& reference) {
  size_t next = 0;
  const auto see = [&](const Shape& shape) {
    while (next < reference.shapes.size() && shape_text(shape) == reference.shapes[next]) ++next;
  };
  for (size_t i = 0; i < graph.layers.size(); ++i) {
    for (const Value& value : graph.values)
      if (value.layer.index == static_cast<int32_t>(i) && value.name.ends_with(".qkv")) see(value.type.shape);
    see(graph.layers[i].shape);
  }
  INFO(fmt::format("expected {} after the shapes before it", next < reference.shapes.size() ? reference.shapes[next] : "nothing"));
  CHECK(next == reference.shapes.size());
}

int64_t macs_of(const Graph& graph) {
  int64_t macs = 0;
  std::vector<Shape> shapes;
  for (const Layer& layer : graph.layers)
    if (layer.op->macs) macs += layer.op->macs(graph.info(layer, shapes)).value();
  return macs;
}

void check_network(const Compilation& made, const Reference& reference) {
  CAPTURE(reference.example);
  const Graph& graph = *made.graph;
  CHECK(count(graph, ValueKind::parameter) == reference.parameters);
  CHECK(macs_of(graph) == reference.macs);
  CHECK(count(graph, ValueKind::state) == reference.statistics);
  check_shapes(graph, reference);
  for (const int64_t batch : {int64_t{1}, int64_t{7}, int64_t{64}}) {
    const Plan plan = plan_of(graph, cuda_target(0), batch);
    CAPTURE(batch);
    CHECK(plan.arena == plan.lower_bound);
  }
}

}  // namespace

TEST_CASE("the reference networks have the published sizes, and plans at their lower bounds") {
  for (const Reference& reference : references()) check_network(compile_file(example_file(reference.example)), reference);
  for (const auto& [reference, text] : sequence_references()) check_network(compile_text(text), reference);
}

TEST_CASE("GPT-2's parameters are those of its closed form, whatever its size") {
  for (const auto& [l, c, h, v, t] : {std::array{12, 768, 12, 50257, 1024}, std::array{24, 1024, 16, 50257, 1024}, std::array{36, 1280, 20, 50257, 1024},
                                      std::array{1, 64, 1, 1000, 32}, std::array{3, 96, 8, 257, 20}}) {
    Options options;
    for (const auto& [name, value] : {std::pair{"L", l}, {"C", c}, {"H", h}, {"V", v}, {"T", t}}) options.sets[name] = value;
    const Compilation made = compile_text(kGpt2, options);
    const int64_t L = l, C = c, V = v, T = t;
    CAPTURE(L, C, h);
    CHECK(count(*made.graph, ValueKind::parameter) == V * C + T * C + L * (12 * C * C + 13 * C) + 2 * C);
    CHECK(macs_of(*made.graph) == T * (L * (12 * C * C + 2 * T * C) + V * C));
    const Plan plan = plan_of(*made.graph, cuda_target(0), 3);
    CHECK(plan.arena == plan.lower_bound);
  }
}

TEST_CASE("the shared reference models compile as they stand") {
  const std::filesystem::path models = std::filesystem::path(NETC_SOURCE_DIR) / ".." / "shared" / "models";
  if (!std::filesystem::exists(models)) {
    WARN("skipped: no ../shared/models beside the project");
    return;
  }
  std::vector<Reference> all = references();
  for (const auto& [reference, text] : sequence_references()) all.push_back(reference);
  for (const Reference& reference : all) {
    const std::filesystem::path path = models / (std::string(reference.example) + ".net");
    if (std::filesystem::exists(path)) check_network(compile_file(path.string()), reference);
  }
}

TEST_CASE("the plan of a step is the same whichever way it is asked for") {
  const Compilation made = compile_file(example_file("resnet18"));
  const Plan first = plan_of(*made.graph, cuda_target(0), 32), second = plan_of(*made.graph, cuda_target(0), 32);
  REQUIRE(first.train.buffers.size() == second.train.buffers.size());
  for (size_t i = 0; i < first.train.buffers.size(); ++i) CHECK(first.train.buffers[i].offset == second.train.buffers[i].offset);
  // The closed form is exact at the batch it was made for, and an upper bound on what alignment adds at others.
  CHECK(first.fixed + first.per_image * 32 == first.lower_bound);
}

}  // namespace netc
