// Shapes, parameters and multiply-accumulates of known networks, and what the rows hand to the planner.
#include <catch2/catch.hpp>

#include "ops_support.h"

using namespace netc;
using ops_test::infer;
using ops_test::Statement;

namespace {

Shape out(std::string_view source, Shape input) {
  const Statement s = infer(source, {std::move(input)});
  INFO(source);
  REQUIRE(s.output.has_value());
  return *s.output;
}

struct Totals {
  int64_t parameters = 0, macs = 0;
  std::vector<Shape> shapes;
};

Totals run(Shape shape, const std::vector<std::string_view>& statements) {
  Totals totals;
  for (const std::string_view source : statements) {
    const Statement s = infer(source, {shape});
    INFO(source << " on " << shape_text(shape));
    REQUIRE(s.output.has_value());
    totals.parameters += s.parameters();
    totals.macs += s.macs();
    shape = *s.output;
    totals.shapes.push_back(shape);
  }
  return totals;
}

const Desc& forward_desc(const std::vector<Alternative>& ways) { return ways.at(0).forward.desc; }

}  // namespace

TEST_CASE("whole networks: parameters, multiply-accumulates and shapes", "[ops]") {
  SECTION("LeNet") {
    const Totals t = run({28, 28, 1}, {"conv 20 5x5", "pool 2x2/2", "conv 50 5x5", "pool 2x2/2", "fc 500", "relu", "fc 10"});
    CHECK(t.parameters == 431080);
    CHECK(t.macs == 2293000);
    CHECK(t.shapes == std::vector<Shape>{{24, 24, 20}, {12, 12, 20}, {8, 8, 50}, {4, 4, 50}, {500}, {500}, {10}});
  }
  SECTION("AlexNet") {
    const Totals t = run({224, 224, 3}, {"conv 64 11x11/4 pad=2", "relu", "pool 3x3/2", "conv 192 5x5 pad", "pool 3x3/2", "conv 384 3x3 pad",
                                         "conv 256 3x3 pad", "conv 256 3x3 pad", "pool 3x3/2", "drop 0.5", "fc 4096", "fc 4096", "fc 1000"});
    CHECK(t.parameters == 61100840);
    CHECK(t.macs == 714188480);
    CHECK(t.shapes[0] == Shape{55, 55, 64});
    CHECK(t.shapes[2] == Shape{27, 27, 64});
    CHECK(t.shapes[4] == Shape{13, 13, 192});
    CHECK(t.shapes[8] == Shape{6, 6, 256});
  }
  SECTION("VGG-16") {
    const Totals t = run({224, 224, 3}, {"conv 64 3x3 pad", "conv 64 3x3 pad", "pool 2x2/2", "conv 128 3x3 pad", "conv 128 3x3 pad", "pool 2x2/2",
                                         "conv 256 3x3 pad", "conv 256 3x3 pad", "conv 256 3x3 pad", "pool 2x2/2", "conv 512 3x3 pad",
                                         "conv 512 3x3 pad", "conv 512 3x3 pad", "pool 2x2/2", "conv 512 3x3 pad", "conv 512 3x3 pad",
                                         "conv 512 3x3 pad", "pool 2x2/2", "fc 4096", "fc 4096", "fc 1000"});
    CHECK(t.parameters == 138357544);
    CHECK(t.macs == 15470264320);
  }
  SECTION("the network of the question") {
    const Totals t = run({50, 50, 3}, {"conv 32 3x3 pad", "pool 2x2/2", "conv 64 3x3 pad", "pool 2x2/2", "fc 500", "fc 10"});
    CHECK(t.parameters == 4632902);
    CHECK(t.shapes == std::vector<Shape>{{50, 50, 32}, {25, 25, 32}, {25, 25, 64}, {12, 12, 64}, {500}, {10}});
  }
  SECTION("a block of MobileNetV2: 6x expansion of 56x56x24, stride 2, to 32") {
    const Totals t = run({56, 56, 24}, {"conv 144 1x1 nobias", "bn", "relu6", "depthwise 3x3/2 pad nobias", "bn", "relu6",
                                        "conv 32 1x1 nobias", "bn"});
    CHECK(t.parameters == 144 * 24 + 288 + 144 * 9 + 288 + 32 * 144 + 64);
    CHECK(t.macs == 56 * 56 * 144 * 24 + 28 * 28 * 144 * 9 + 28 * 28 * 32 * 144);
    CHECK(t.shapes.back() == Shape{28, 28, 32});
  }
}

TEST_CASE("windows: floor, ceil, same, dilation, stride", "[ops]") {
  CHECK(out("conv 64 7x7/2 pad", {224, 224, 3}) == Shape{112, 112, 64});
  CHECK(out("pool 3x3/2 ceil", {112, 112, 64}) == Shape{56, 56, 64});   // GoogLeNet
  CHECK(out("pool 3x3/2 ceil", {56, 56, 192}) == Shape{28, 28, 192});
  CHECK(out("pool 3x3/1 pad ceil", {28, 28, 192}) == Shape{28, 28, 192});
  CHECK(out("pool 2x2/2 ceil", {14, 14, 832}) == Shape{7, 7, 832});
  CHECK(out("pool 3x3/2 ceil", {13, 13, 4}) == Shape{6, 6, 4});
  CHECK(out("pool 3x3/2", {299, 299, 4}) == Shape{149, 149, 4});  // Inception-v3: floor
  CHECK(out("pool 3x3/2 pad", {112, 112, 64}) == Shape{56, 56, 64});
  CHECK(out("pool 2x2", {7, 7, 1}) == Shape{3, 3, 1});  // the stride is the kernel
  CHECK(out("pool 2x2 ceil", {7, 7, 1}) == Shape{4, 4, 1});
  CHECK(out("pool 2x2 ceil", {1, 1, 1}) == Shape{1, 1, 1});     // the window starts inside
  CHECK(out("pool 2x2/3 ceil", {3, 3, 1}) == Shape{1, 1, 1});   // a second window would start outside
  CHECK(out("pool 3x3/2 pad ceil", {4, 4, 1}) == Shape{3, 3, 1});
  CHECK(out("pool 3x3/2 same", {7, 8, 1}) == Shape{4, 4, 1});
  CHECK(out("conv 8 3x3/2x1 pad", {9, 9, 2}) == Shape{5, 9, 8});
  CHECK(out("conv 8 3x3 pad dilate 4", {9, 9, 2}) == Shape{9, 9, 8});
  CHECK(out("conv 8 3x3 pad=0,1", {9, 9, 2}) == Shape{7, 9, 8});
  CHECK(out("conv 8 2x2 same", {9, 9, 2}) == Shape{9, 9, 8});
  CHECK(out("avgpool", {7, 5, 32}) == Shape{1, 1, 32});
  CHECK(out("avgpool 2x2/2", {56, 56, 128}) == Shape{28, 28, 128});
  CHECK(out("up 512 2x2/2", {16, 16, 1024}) == Shape{32, 32, 512});
  CHECK(out("deconv 8 3x3/2 pad", {5, 5, 4}) == Shape{9, 9, 8});
  CHECK(out("deconv 8 4x4/2 pad=1", {5, 5, 4}) == Shape{10, 10, 8});
  CHECK(out("deconv 8 3x3/2 same", {5, 5, 4}) == Shape{10, 10, 8});
  CHECK(out("deconv 8 3x3 dilate 2", {5, 5, 4}) == Shape{9, 9, 8});
}

TEST_CASE("TensorFlow's padding puts the odd row at the bottom", "[ops]") {
  const Statement even = infer("conv 8 3x3/2 same", {{8, 8, 2}});
  CHECK(forward_desc(even.op->lower.value(even.info())).integer("pad_top") == 0);
  const Statement odd = infer("conv 8 3x3/2 same", {{7, 7, 2}});
  CHECK(forward_desc(odd.op->lower.value(odd.info())).integer("pad_top") == 1);
  const Statement two = infer("conv 8 2x2 same", {{7, 7, 2}});
  CHECK(forward_desc(two.op->lower.value(two.info())).integer("pad_left") == 0);
}

TEST_CASE("every window of a deconv is one of the convolution it undoes", "[ops]") {
  for (const std::string_view source : {"deconv 8 3x3/2 pad", "deconv 8 4x4/2 same", "deconv 8 2x2/3 same", "deconv 8 5x3/2x1 pad=2,0 dilate 2"}) {
    INFO(source);
    const Statement s = infer(source, {{6, 5, 4}});
    REQUIRE(s.output);
    const Desc desc = forward_desc(s.op->lower.value(s.info()));
    CHECK(Shape{desc.integer("h"), desc.integer("w"), desc.integer("c")} == *s.output);
    CHECK(Shape{desc.integer("oh"), desc.integer("ow"), desc.integer("k")} == s.inputs[0]);
    const int64_t extent = desc.integer("dilation_h") * (desc.integer("r") - 1) + 1;
    const int64_t first_of_last = (desc.integer("oh") - 1) * desc.integer("stride_h") - desc.integer("pad_top");
    CHECK(first_of_last < desc.integer("h"));
    CHECK(first_of_last + extent > 0);
  }
}

TEST_CASE("shapes of the ops that move or combine", "[ops]") {
  CHECK(out("flatten", {3, 4, 5}) == Shape{60});
  CHECK(out("shuffle 3", {2, 2, 6}) == Shape{2, 2, 6});
  CHECK(out("slice 4..16", {2, 2, 16}) == Shape{2, 2, 12});
  CHECK(out("padto 32x30", {28, 28, 1}) == Shape{32, 30, 1});
  CHECK(out("crop 24x20", {28, 28, 1}) == Shape{24, 20, 1});
  CHECK(out("upsample 2 bilinear", {7, 5, 3}) == Shape{14, 10, 3});
  CHECK(out("fc 10", {196, 768}) == Shape{196, 10});
  CHECK(out("fc 10", {2, 3, 4}) == Shape{10});
  CHECK(*infer("add", {{4, 4, 2}, {4, 4, 2}, {4, 4, 2}}).output == Shape{4, 4, 2});
  CHECK(*infer("concat", {{4, 4, 2}, {4, 4, 3}, {4, 4, 1}}).output == Shape{4, 4, 6});
  CHECK(*infer("concat", {{5}, {7}}).output == Shape{12});
  CHECK(*infer("mul", {{4, 4, 2}, {1, 1, 2}}).output == Shape{4, 4, 2});
  CHECK(*infer("mul", {{1, 1, 2}, {4, 4, 2}}).output == Shape{4, 4, 2});
  CHECK(*infer("mul", {{4, 4, 2}, {2}}).output == Shape{4, 4, 2});
}

TEST_CASE("sequences: shapes, parameters and multiply-accumulates by hand", "[ops]") {
  CHECK(out("tokens", {14, 14, 768}) == Shape{196, 768});
  CHECK(out("cls", {196, 768}) == Shape{197, 768});
  CHECK(out("first", {197, 768}) == Shape{768});
  CHECK(out("position 1024", {64, 8}) == Shape{64, 8});
  CHECK(out("attn 4", {10, 8}) == Shape{10, 8});
  CHECK(infer("position 1024", {{64, 8}}).parameters() == 1024 * 8);
  CHECK(infer("cls", {{64, 8}}).parameters() == 8);
  CHECK(infer("rmsnorm", {{64, 8}}).parameters() == 8);
  CHECK(infer("groupnorm 2", {{4, 4, 8}}).parameters() == 16);
  // 10 tokens of 8 channels, 4 heads of 2: 24 x 8 to queries, keys and values, 8 x 8 out; 10 x 10 scores of 2 products a head, twice.
  const Statement attn = infer("attn 4", {{10, 8}}), nobias = infer("attn 4 causal nobias", {{10, 8}}), grouped = infer("attn 4 kv 2 rope", {{10, 8}});
  CHECK(attn.parameters() == 24 * 8 + 24 + 8 * 8 + 8);
  CHECK(attn.macs() == 10 * 24 * 8 + 10 * 8 * 8 + 2 * 4 * 10 * 10 * 2);
  CHECK(attn.other_flops() == 5 * 4 * 10 * 10 + 10 * (24 + 8));
  CHECK(nobias.parameters() == 24 * 8 + 8 * 8);
  CHECK(nobias.macs() == attn.macs());  // what is masked counts too
  CHECK(nobias.other_flops() == 5 * 4 * 10 * 10);
  CHECK(grouped.parameters() == 16 * 8 + 16 + 8 * 8 + 8);
  CHECK(grouped.macs() == 10 * 16 * 8 + 10 * 8 * 8 + 2 * 4 * 10 * 10 * 2);
  CHECK(grouped.other_flops() == 5 * 4 * 10 * 10 + 3 * 10 * (4 + 2) * 2 + 10 * (16 + 8));
}

TEST_CASE("attention starts as nn.MultiheadAttention does", "[ops]") {
  const Statement s = infer("attn 2", {{5, 6}});
  const auto params = s.op->params(s.info());
  REQUIRE(params.size() == 4);
  CHECK(params[0].suffix == "qkv.w");
  CHECK(params[0].torch->kind == InitKind::uniform);
  CHECK(params[0].torch->value == Approx(std::sqrt(6.0 / (18 + 6))));
  CHECK_FALSE(params[1].torch.has_value());  // nn.Linear's
  CHECK(params[1].fan_in == 6);
  for (const size_t bias : {2, 3}) {
    CHECK(params[bias].role == ParamRole::bias);
    CHECK(params[bias].torch->kind == InitKind::constant);
    CHECK(params[bias].torch->value == 0);
  }
}

TEST_CASE("attention drops nothing in evaluation, and each layer drops by a stream of its own", "[ops]") {
  const Statement s = infer("attn 2 rope drop 0.25", {{5, 8}});
  LayerInfo info = s.info(2);
  info.layer_index = 17;
  const KernelCall training = s.op->lower.value(info)[0].forward, evaluation = s.op->evaluate(info);
  CHECK(training.kernel == "attn_forward");
  CHECK(evaluation.kernel == "attn_forward");
  CHECK(training.desc.integer("stream") == 17);
  CHECK(training.desc.fields[6].real == 0.25);
  CHECK(evaluation.desc.fields[6].real == 0);
  CHECK(s.op->evaluate(s.info(1)).kernel == "rope_forward");
  CHECK(s.op->evaluate(s.info(3)).kernel == "fc_forward");
}

TEST_CASE("a centred crop undoes a centred padto", "[ops]") {
  const Statement pad = infer("padto 7x8", {{4, 3, 2}});
  const Desc forward = forward_desc(pad.op->lower.value(pad.info()));
  CHECK(forward.integer("top") == 1);
  CHECK(forward.integer("left") == 2);
  const Statement crop = infer("crop 4x3", {{7, 8, 2}});
  const Desc back = forward_desc(crop.op->lower.value(crop.info()));
  CHECK(back.integer("top") == -1);
  CHECK(back.integer("left") == -2);
}

TEST_CASE("pool's index takes two bytes above 256 positions", "[ops]") {
  const Statement small = infer("pool 16x16", {{32, 32, 1}}), wide = infer("pool 17x16", {{34, 32, 1}});
  const Alternative one = small.op->lower.value(small.info())[0], two = wide.op->lower.value(wide.info())[0];
  CHECK(one.aux[0].type.dtype == DType::u8);
  CHECK(one.forward.desc.integer("index_bytes") == 1);
  CHECK(two.aux[0].type.dtype == DType::u16);
  CHECK(two.forward.desc.integer("index_bytes") == 2);
}

TEST_CASE("a dropped row or column is a note, dropped padding is not", "[ops]") {
  const auto notes = [](std::string_view source, Shape input) {
    const Statement s = infer(source, {std::move(input)});
    REQUIRE(s.output);
    return s.diagnostics.all();
  };
  const auto both = notes("pool 2x2/2", {25, 25, 64});
  REQUIRE(both.size() == 1);
  CHECK(both[0].code == "N0801");
  CHECK(both[0].severity == Severity::note);
  CHECK(both[0].message == "`pool` drops 1 row and 1 column of its input 25x25x64");
  const auto rows = notes("avgpool 3x3/3", {8, 6, 2});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].message == "`avgpool` drops 2 rows of its input 8x6x2");
  CHECK(notes("pool 2x2/2 ceil", {25, 25, 64}).empty());
  CHECK(notes("pool 3x3/2 pad", {112, 112, 64}).empty());
  CHECK(notes("pool 1x1/2", {8, 8, 4}).empty());
}

TEST_CASE("fans follow PyTorch", "[ops]") {
  const Statement conv = infer("conv 6 3x5 groups 2", {{9, 9, 4}});
  const auto params = conv.op->params(conv.info());
  CHECK(params[0].shape == Shape{6, 3, 5, 2});
  CHECK(params[0].fan_in == 2 * 3 * 5);
  CHECK(params[0].fan_out == 6 * 3 * 5);
  CHECK(params[1].fan_in == params[0].fan_in);
  CHECK(params[1].role == ParamRole::bias);
  const Statement deconv = infer("deconv 6 2x2/2", {{9, 9, 4}});
  CHECK(deconv.op->params(deconv.info())[0].shape == Shape{4, 2, 2, 6});
  CHECK(deconv.op->params(deconv.info())[0].fan_in == 6 * 2 * 2);
  CHECK(deconv.op->params(deconv.info())[1].shape == Shape{6});
  CHECK(deconv.macs() == 9 * 9 * 4 * 2 * 2 * 6);
}

TEST_CASE("lstm and gru have PyTorch's parameters", "[ops]") {
  const auto counts = [](std::string_view source, Shape input) {
    const Statement s = infer(source, {std::move(input)});
    INFO(source);
    REQUIRE(s.output);
    return std::pair{s.parameters(), s.macs()};
  };
  CHECK(out("lstm 256", {64, 128}) == Shape{64, 256});
  CHECK(out("gru 6 layers 3 bidirectional", {10, 5}) == Shape{10, 12});
  // 4 * 256 gate values of 128 + 256 terms, and two biases.
  CHECK(counts("lstm 256", {64, 128}) == std::pair<int64_t, int64_t>{1024 * 384 + 2048, int64_t{64} * 1024 * 384});
  CHECK(counts("lstm 256 nobias", {64, 128}).first == 1024 * 384);
  CHECK(counts("gru 6 layers 3 bidirectional", {10, 5}) ==
        std::pair<int64_t, int64_t>{2 * 18 * (5 + 6 + 2) + 2 * 2 * 18 * (12 + 6 + 2), 10 * 2 * 18 * (5 + 6) + 2 * 10 * 2 * 18 * (12 + 6)});
  const Statement s = infer("lstm 16 layers 2 bidirectional", {{7, 5}});
  const std::vector<ParamSpec> params = s.op->params(s.info());
  REQUIRE(params.size() == 8);
  CHECK(params[4].suffix == "l1.w_ih");
  CHECK(params[4].shape == Shape{2 * 4 * 16, 32});
  CHECK(params[4].fan_in == 32);
  CHECK(params[4].fan_out == 4 * 16);
  CHECK(params[7].shape == Shape{2 * 4 * 16});
  for (const ParamSpec& param : params) {
    REQUIRE(param.torch);
    CHECK(param.torch->kind == InitKind::uniform);
    CHECK(param.torch->value == 0.25);
  }
}

TEST_CASE("PyTorch's tensors of lstm and gru are all rows of netc's, once each", "[ops]") {
  for (const std::string_view source : {"lstm 5", "gru 3 layers 2 bidirectional", "lstm 4 layers 3 nobias", "gru 2 bidirectional nobias"}) {
    INFO(source);
    const Statement s = infer(source, {{6, 4}});
    const std::vector<ParamSpec> params = s.op->params(s.info());
    std::vector<int64_t> next(params.size(), 0);
    for (const TorchTensor& tensor : s.op->torch.value(s.info()).tensors) {
      CHECK(tensor.first == next[static_cast<size_t>(tensor.tensor)]);
      next[static_cast<size_t>(tensor.tensor)] += tensor.rows > 0 ? tensor.rows : params[static_cast<size_t>(tensor.tensor)].shape[0];
    }
    for (size_t i = 0; i < params.size(); ++i) CHECK(next[i] == params[i].shape[0]);
  }
  const Statement s = infer("gru 3 layers 2 bidirectional nobias", {{6, 4}});
  const TorchLayer layer = s.op->torch.value(s.info());
  CHECK(layer.module == "nn.GRU(4, 3, 2, batch_first=True, bidirectional=True, bias=False)");
  CHECK(layer.tensors.back().attribute == "weight_hh_l1_reverse");
}

TEST_CASE("the parts of concat lie side by side", "[ops]") {
  const Statement s = infer("concat", {{2, 2, 3}, {2, 2, 1}, {2, 2, 4}});
  int64_t next = 0;
  for (int part = 0; part < s.op->parts(s.info()); ++part) {
    const Alternative way = s.op->lower.value(s.info(part))[0];
    CHECK(way.forward.desc.integer("dst_first") == next);
    CHECK(way.forward.desc.integer("dst_c") == 8);
    CHECK(way.forward.must_alias == (part > 0));
    CHECK(way.backward[0].desc.integer("src_first") == next);
    next += way.forward.desc.integer("c");
  }
  CHECK(next == 8);
}

TEST_CASE("a fused activation reaches the kernel, on the last sum only", "[ops]") {
  const Statement s = infer("add", {{4}, {4}, {4}});
  for (int part = 0; part < 2; ++part) {
    LayerInfo info = s.info(part);
    info.activation = Activation::relu;
    const auto ways = s.op->lower.value(info);
    CHECK(ways[0].forward.desc.fields[1].integer == static_cast<int64_t>(part == 1 ? Activation::relu : Activation::none));
  }
}

TEST_CASE("names and aliases", "[ops]") {
  CHECK(find_op("up") == find_op("deconv"));
  CHECK(find_op("conv") != nullptr);
  CHECK(find_op("bce") == nullptr);
  CHECK(find_loss("bce") != nullptr);
  CHECK(find_op("softmax") != find_loss("softmax"));
  CHECK(find_op("no such op") == nullptr);
  for (const OpDef* op : op_table()) CHECK((op->is_loss ? find_loss(op->name.value) : find_op(op->name.value)) == op);
}
