// Tree to graph: expansion, names, shapes, parameters, settings.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "passes/resolve.h"
#include "syntax/parse.h"

using namespace netc;

namespace {

struct Run {
  Sources sources;
  Diagnostics diagnostics;
  std::optional<Graph> graph;

  bool gives(std::string_view code) const {
    return std::ranges::any_of(diagnostics.all(), [code](const Diagnostic& d) { return d.code == code; });
  }
  /// "name source shape" of every layer.
  std::vector<std::string> layers() const {
    std::vector<std::string> out;
    for (const Layer& layer : graph->layers) out.push_back(layer.name + " | " + layer.source + " | " + shape_text(layer.shape));
    return out;
  }
};

Run run(const std::string& text, const ResolveOptions& options = {}) {
  Run run;
  run.sources.files.push_back({"text.net", text});
  const ast::File file = parse(run.sources, 0, run.diagnostics);
  run.graph = resolve(file, options, run.sources, run.diagnostics);
  for (const Diagnostic& d : run.diagnostics.all()) UNSCOPED_INFO(d.code << " " << d.message << " " << d.where.line << ":" << d.where.column);
  return run;
}

Run good(const std::string& text, const ResolveOptions& options = {}) {
  Run made = run(text, options);
  REQUIRE(made.graph.has_value());
  return made;
}

const Value& value(const Graph& graph, std::string_view name) {
  const auto at = std::ranges::find(graph.values, name, &Value::name);
  REQUIRE(at != graph.values.end());
  return *at;
}

struct Totals {
  int64_t parameters = 0, states = 0, macs = 0;
};

Totals totals(const Graph& graph) {
  Totals t;
  std::vector<Shape> shapes;
  for (const Value& v : graph.values) {
    if (v.kind == ValueKind::parameter) t.parameters += elements(v.type.shape).value();
    if (v.kind == ValueKind::state) t.states += elements(v.type.shape).value();
  }
  for (const Layer& layer : graph.layers)
    if (layer.op->macs != nullptr) t.macs += layer.op->macs(graph.info(layer, shapes)).value();
  return t;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("resolve: the reference models, exactly", "[resolve]") {
  struct Row {
    const char* model;
    int64_t parameters, macs, states;
  };
  // Parameters are torchvision's num_params; MACs are those of convolutions and products.
  const Row table[] = {
      {"lenet", 431'080, 2'293'000, 0},
      {"alexnet", 61'100'840, 714'188'480, 0},
      {"vgg16", 138'357'544, 15'470'264'320, 0},
      {"vgg19", 143'667'240, 19'632'062'464, 0},
      {"googlenet", 6'624'904, 1'498'376'192, 14'560},
      {"inception_v3", 23'834'568, 5'713'216'096, 34'432},
      {"resnet18", 11'689'512, 1'814'073'344, 9'600},
      {"resnet34", 21'797'672, 3'663'761'408, 17'024},
      {"resnet50", 25'557'032, 4'089'184'256, 53'120},
      {"resnet152", 60'192'808, 11'513'626'624, 151'424},
      {"densenet121", 7'978'856, 2'834'161'664, 83'648},
      {"mobilenet_v2", 3'504'872, 300'774'272, 34'112},
      {"efficientnet_b0", 5'288'548, 385'814'752, 42'016},
      {"convnext_t", 28'589'128, 4'455'531'264, 0},
      {"unet", 31'037'633, 48'167'387'136, 11'776},
  };
  for (const Row& row : table) {
    INFO(row.model);
    Sources sources;
    Diagnostics diagnostics;
    const std::string path = std::string(NETC_SOURCE_DIR) + "/examples/" + row.model + "/" + row.model + ".net";
    const int32_t source = open_source(sources, path, {}, diagnostics);
    REQUIRE(source == 0);
    const auto graph = resolve(parse(sources, source, diagnostics), {}, sources, diagnostics);
    REQUIRE(graph.has_value());
    const Totals t = totals(*graph);
    CHECK(t.parameters == row.parameters);
    CHECK(t.macs == row.macs);
    CHECK(t.states == row.states);
    CHECK(std::ranges::none_of(diagnostics.all(), [](const Diagnostic& d) { return d.severity == Severity::warning; }));
  }
}

TEST_CASE("resolve: inner shapes of the reference models", "[resolve]") {
  const auto shapes = [](const char* model) {
    Sources sources;
    Diagnostics diagnostics;
    const std::string path = std::string(NETC_SOURCE_DIR) + "/examples/" + model + "/" + model + ".net";
    const int32_t source = open_source(sources, path, {}, diagnostics);
    const auto graph = resolve(parse(sources, source, diagnostics), {}, sources, diagnostics);
    REQUIRE(graph.has_value());
    std::vector<std::string> out;
    for (const Layer& layer : graph->layers)
      if (out.empty() || out.back() != shape_text(layer.shape)) out.push_back(shape_text(layer.shape));
    return out;
  };
  const auto in_order = [](const Lines& seen, const Lines& wanted) {
    auto at = seen.begin();
    for (const std::string& shape : wanted) {
      at = std::find(at, seen.end(), shape);
      if (at == seen.end()) return shape;
    }
    return std::string();
  };
  CHECK(in_order(shapes("lenet"), {"24x24x20", "12x12x20", "8x8x50", "4x4x50"}).empty());
  CHECK(in_order(shapes("alexnet"), {"55x55x64", "27x27x64", "27x27x192", "13x13x192", "13x13x256", "6x6x256"}).empty());
  CHECK(in_order(shapes("googlenet"),
                 {"112x112x64", "56x56x64", "28x28x192", "28x28x256", "28x28x480", "14x14x512", "14x14x528", "14x14x832", "7x7x832", "7x7x1024"})
            .empty());
  CHECK(in_order(shapes("inception_v3"),
                 {"149x149x32", "147x147x32", "147x147x64", "73x73x64", "71x71x192", "35x35x192", "35x35x288", "17x17x768", "8x8x1280", "8x8x2048"})
            .empty());
  CHECK(in_order(shapes("resnet50"), {"112x112x64", "56x56x64", "56x56x256", "28x28x512", "14x14x1024", "7x7x2048"}).empty());
  CHECK(in_order(shapes("densenet121"), {"56x56x256", "28x28x512", "14x14x1024", "7x7x1024"}).empty());
  CHECK(in_order(shapes("efficientnet_b0"), {"112x112x32", "112x112x16", "56x56x24", "28x28x40", "14x14x80", "14x14x112", "7x7x192", "7x7x320"})
            .empty());
}

TEST_CASE("resolve: names, sources and shapes of expanded layers", "[resolve]") {
  const Run r = good(
      "let w=4\ninput 8x8x3\n"
      "def res c s=1 { add { conv c 3x3/s pad; last: bn eps 1e-3 } { if s > 1 or in.c != c { conv c 1x1/s } }; last; relu }\n"
      "stem: conv 2w 3x3 pad=1,1; bn\n"
      "2 * res 8\nres w*2 s=2\n"
      "stem; relu6; concat {} {stem}; fc 10; loss softmax smooth 0.1");
  const Lines expected{
      "stem | conv 8 3x3 pad=1,1 | 8x8x8",
      "bn1 | bn | 8x8x8",
      "res1.conv1 | conv 8 3x3/1 pad | 8x8x8",
      "res1.last | bn eps 0.001 | 8x8x8",
      "res1.add1 | add | 8x8x8",
      "res1.relu1 | relu | 8x8x8",
      "res2.conv1 | conv 8 3x3/1 pad | 8x8x8",
      "res2.last | bn eps 0.001 | 8x8x8",
      "res2.add1 | add | 8x8x8",
      "res2.relu1 | relu | 8x8x8",
      "res3.conv1 | conv 8 3x3/2 pad | 4x4x8",
      "res3.last | bn eps 0.001 | 4x4x8",
      "res3.conv2 | conv 8 1x1/2 | 4x4x8",
      "res3.add1 | add | 4x4x8",
      "res3.relu1 | relu | 4x4x8",
      "relu6_1 | relu6 | 8x8x8",
      "concat1 | concat | 8x8x16",
      "fc1 | fc 10 | 10",
      "loss | loss softmax smooth 0.1 | 10",
  };
  CHECK(r.layers() == expected);
  CHECK(r.gives("N0704"));  // the sums and relu of the blocks are thrown away
}

TEST_CASE("resolve: names stay unique", "[resolve]") {
  const Run r = good("input 4\ndef f { relu }\ndef f1 { relu }\nf_: relu\nconv1: relu\n12 * f; 2 * f1; relu1: relu; f1; f_; conv1; relu1; loss mse");
  std::vector<std::string> names;
  for (const Value& v : r.graph->values) names.push_back(v.name);
  std::ranges::sort(names);
  CHECK(std::ranges::adjacent_find(names) == names.end());
}

TEST_CASE("resolve: repeats, conditions and absent branches", "[resolve]") {
  const auto count = [](const std::string& body) { return good("input 4x4x4\n" + body + "\nloss mse").graph->layers.size() - 1; };
  CHECK(count("0 * relu; 12 * {}") == 0);
  CHECK(count("let n=3; (n-1) * 2 * { relu; tanh }") == 8);
  CHECK(count("if in.c == 4 { relu } else { tanh; tanh }") == 1);
  CHECK(count("if in.c > 4 { relu } else if in.h == 4 { tanh; tanh } else { elu }") == 2);
  CHECK(count("if in.c > 4 { relu }") == 0);
  CHECK(count("add { none } { relu }") == 1);  // that branch alone
  CHECK(count("add { none } {}") == 0);
  CHECK(count("add { none } { relu } { tanh }") == 3);
  CHECK(count("for c n in (8 1) (in.c*2 2) { n * conv c 1x1 }") == 3);
  CHECK(good("input 4x4x4\nfor c in (8) (in.c*2) { conv c 1x1 }\nloss mse").graph->layers[1].source ==
        "conv 16 1x1");  // a row sees the tensor of its turn
}

TEST_CASE("resolve: constants and --set", "[resolve]") {
  ResolveOptions options;
  options.sets["c"] = 16;
  const std::string text = "let c=8 d=2c\ninput 4x4x4\ndef f c { conv c 1x1; let d=1; fc d*c }\nf 3; fc d\nloss mse";
  CHECK(good(text).graph->layers[2].source == "fc 16");
  CHECK(good(text, options).graph->layers[2].source == "fc 32");
  CHECK(good(text, options).graph->layers[1].source == "fc 3");  // a parameter is not a constant of the file
}

TEST_CASE("resolve: biases", "[resolve]") {
  const Run r = good(
      "input 8x8x3\na: conv 4 3x3 pad; bn\nconv 4 3x3 pad bias; bn\nconv 4 3x3 pad nobias; bn\nb: conv 4 3x3 pad; bn; add {} {b}\nconv 4 1x1; relu; "
      "bn\n"
      "fc 4; bn; add {} { fc 4 nobias }\na; fc 2\nloss mse");
  std::vector<bool> seen;
  for (const Layer& layer : r.graph->layers)
    if (layer.op->default_bias) seen.push_back(layer.has_bias);
  // `a` and `b` are read by others too, so their bias counts; a fully connected layer keeps its own.
  CHECK(seen == std::vector<bool>{true, true, false, true, true, true, false, true});
  CHECK_FALSE(r.gives("N0802"));
  CHECK(good("input 8x8x3\nconv 4 3x3; bn; loss mse").gives("N0802"));
}

TEST_CASE("resolve: initialisers", "[resolve]") {
  const std::string net = "input 8x8x4\n";
  const auto init = [&](const std::string& text, std::string_view name) { return value(*good(net + text + "\nloss mse").graph, name).init; };
  const auto same = [](const Init& init, InitKind kind, double value) { return init.kind == kind && init.value == Approx(value); };
  CHECK(same(init("conv 6 3x3 groups 2", "conv1.w"), InitKind::uniform, 1 / std::sqrt(18.0)));
  CHECK(same(init("conv 6 3x3 groups 2", "conv1.b"), InitKind::uniform, 1 / std::sqrt(18.0)));
  CHECK(same(init("init he; conv 6 3x3", "conv1.w"), InitKind::normal, std::sqrt(2 / 36.0)));
  CHECK(same(init("init he; conv 6 3x3", "conv1.b"), InitKind::constant, 0));
  CHECK(same(init("init xavier; fc 10", "fc1.w"), InitKind::uniform, std::sqrt(6 / 266.0)));
  CHECK(same(init("fc 10; init normal 0.02", "fc1.w"), InitKind::normal, 0.02));  // behind the last layer: all of them
  CHECK(same(init("fc 10; init normal 0.02; fc 3", "fc1.w"), InitKind::uniform, 1 / 16.0));
  CHECK(same(init("fc 10; init normal 0.02; fc 3", "fc2.w"), InitKind::normal, 0.02));
  CHECK(same(init("init he; fc 10; init normal 0.02", "fc1.w"), InitKind::normal, std::sqrt(2 / 256.0)));
  CHECK(same(init("init he; bn", "bn1.gamma"), InitKind::constant, 1));
}

TEST_CASE("resolve: what the loss compares with", "[resolve]") {
  const auto target = [](const std::string& text) {
    const Run r = good("input 8x8x3\n" + text);
    const Value& label = (*r.graph)[r.graph->label];
    return std::tuple(r.graph->target, std::string(dtype_name(label.type.dtype)), shape_text(label.type.shape));
  };
  using Seen = std::tuple<TargetKind, std::string, std::string>;
  CHECK(target("fc 10; loss softmax") == Seen{TargetKind::class_index, "i32", "1"});
  CHECK(target("conv 5 1x1; loss softmax") == Seen{TargetKind::class_index, "i32", "64"});
  CHECK(target("fc 10; loss bce") == Seen{TargetKind::one_hot, "f32", "10"});
  CHECK(target("conv 1 1x1; loss bce") == Seen{TargetKind::values, "f32", "8x8x1"});
  CHECK(target("conv 3 1x1; loss mse") == Seen{TargetKind::input, "f32", "8x8x3"});
  CHECK(target("fc 1; loss mse") == Seen{TargetKind::values, "f32", "1"});
  const Run none = good("input 8x8x3\nfc 10");
  CHECK_FALSE(none.graph->loss.valid());
  CHECK((*none.graph)[none.graph->output].name == "fc1");
}

TEST_CASE("resolve: training settings", "[resolve]") {
  const auto train = [](const std::string& text) { return good("input 8x8x3\nfc 10\nloss softmax\ntrain { " + text + " }").graph->train; };
  const TrainSettings a = train(
      "sgd 0.1 momentum 0.9 nesterov decay 1e-4 on matrices; batch 4x64; cosine to 0.1 warmup 5; epochs 90; bf16; validate every 2; stop after 3");
  CHECK(a.given);
  CHECK(a.optimizer == OptimizerKind::sgd);
  CHECK(a.learning_rate == 0.1);
  CHECK(a.momentum == 0.9);
  CHECK(a.nesterov);
  CHECK(a.decay == 1e-4);
  CHECK(a.decay_scope == DecayScope::matrices);
  CHECK(a.batch == 64);
  CHECK(a.micro_steps == 4);
  CHECK(a.schedule == ScheduleKind::cosine);
  CHECK(a.schedule_factor == 0.1);
  CHECK(a.warmup == 5);
  CHECK(a.epochs == 90);
  CHECK(a.steps == 0);
  CHECK(a.dtype == "fp32");  // bf16 is not there yet, and a note says so
  CHECK(a.validate_every == 2);
  CHECK(a.stop_after == 3);
  const TrainSettings b = train("adamw 6e-4 betas 0.9 0.95 eps 1e-6 clip 1; decay 0.1 on all; step 30 0.5; steps 100; batch 3");
  CHECK(b.optimizer == OptimizerKind::adamw);
  CHECK(b.beta2 == 0.95);
  CHECK(b.eps == 1e-6);
  CHECK(b.clip == 1);
  CHECK(b.decay == 0.1);
  CHECK(b.decay_scope == DecayScope::all);
  CHECK(b.schedule_every == 30);
  CHECK(b.schedule_factor == 0.5);
  CHECK(b.steps == 100);
  CHECK(b.epochs == 0);
  const TrainSettings c = train("rmsprop 1e-3 keep 0.9 momentum 0.5; linear");
  CHECK(c.rms_keep == 0.9);
  CHECK(c.momentum == 0.5);
  CHECK(c.schedule_factor == 0);
  CHECK(c.epochs == 1);
  ResolveOptions options;
  options.batch = 32;
  const Run d = good("input 8x8x3 from shapes\nfc 10\nloss softmax\ntrain { adam 1e-3; batch 4x64; epochs 2 }", options);
  CHECK(d.graph->train.batch == 32);
  CHECK(d.graph->train.micro_steps == 4);
  CHECK(d.diagnostics.all().empty());
}

TEST_CASE("resolve: the data", "[resolve]") {
  const Run r = good(
      "seed 42\ninput 32x32x3 from folder \"my \\\"data\\\"\" { crop 32 pad 4; flip; normalize 0.5 0.4 0.3 0.2 0.1 0.1; resize 40; cutout 8 }\nfc "
      "10\nloss softmax");
  CHECK(r.graph->seed == 42);
  CHECK(r.graph->data.reader == "folder");
  CHECK(r.graph->data.path == "my \"data\"");
  REQUIRE(r.graph->data.augmentation.size() == 5);
  CHECK(r.graph->data.augmentation[0].numbers == std::vector<double>{32, 4});
  CHECK(r.graph->data.augmentation[1].numbers.empty());
  CHECK(r.graph->data.augmentation[2].numbers.size() == 6);
  const Run tokens = run("let T=16\ninput T tokens 100 from tokens \"*.bin\"\nembed 100 8\nfc 100\nloss softmax");
  REQUIRE(tokens.diagnostics.errors() == 0);
  CHECK(tokens.graph->vocabulary == 100);
  CHECK((*tokens.graph)[tokens.graph->input].type == Type{DType::i32, {16}, true});
}
