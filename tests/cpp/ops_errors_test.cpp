// Every error the rows report: its code, and that the message says what was seen.
#include <catch2/catch.hpp>

#include "ops_support.h"

using namespace netc;
using ops_test::infer;
using ops_test::Statement;

namespace {

/// The only error of a statement that must fail.
Diagnostic failure(const Statement& s) {
  CHECK_FALSE(s.output.has_value());
  REQUIRE(s.diagnostics.errors() == 1);
  CHECK(s.diagnostics.all()[0].where.valid());
  return s.diagnostics.all()[0];
}

Diagnostic failure(std::string_view source, Shape input) {
  INFO(source);
  return failure(infer(source, {std::move(input)}, {"`pool 3x3/2 pad` at a.net:12"}));
}

std::string code(std::string_view source, Shape input) { return failure(source, std::move(input)).code; }

/// A statement whose argument `name` has numbers that a source could not be written with here.
std::string code_with(std::string_view op, std::vector<std::pair<std::string_view, Numbers>> arguments, Shape input) {
  Args args;
  for (auto& [name, numbers] : arguments) args.set(name, {std::move(numbers), {}, {}});
  return failure(infer(*find_op(op), std::move(args), {std::move(input)})).code;
}

}  // namespace

TEST_CASE("N0301: branches that do not fit", "[ops]") {
  const std::vector<std::string> origins{"`bn` at a.net:6", "the block's input, from `pool 3x3/2 pad` at a.net:12"};
  SECTION("channels") {
    const Diagnostic e = failure(infer("add", {{56, 56, 256}, {56, 56, 64}}, origins));
    CHECK(e.code == "N0301");
    CHECK(e.message == "`add` branches differ");
    CHECK(e.label == "branch 1 is 56x56x256, branch 2 is 56x56x64");
    REQUIRE(e.notes.size() == 2);
    CHECK(e.notes[1].text == "branch 2 is the block's input, from `pool 3x3/2 pad` at a.net:12");
    CHECK(e.help == "bring branch 2 to 256 channels: { conv 256 1x1; bn }");
  }
  SECTION("a stride") {
    CHECK(failure(infer("add", {{28, 28, 128}, {56, 56, 64}}, origins)).help == "bring branch 2 to 28x28x128: { conv 128 1x1/2; bn }");
  }
  SECTION("height and width") {
    CHECK(failure(infer("concat", {{28, 28, 8}, {27, 27, 8}}, origins)).message == "`concat` branches differ");
    CHECK(failure(infer("add", {{28, 28, 8}, {27, 27, 8}})).help.find("same height and width") != std::string::npos);
  }
  SECTION("rank") { CHECK(failure(infer("concat", {{5, 5, 8}, {8}})).code == "N0301"); }
  SECTION("every wrong branch is named") {
    CHECK(failure(infer("add", {{4}, {5}, {4}, {6}})).label == "branch 1 is 4, branch 2 is 5, branch 4 is 6");
  }
  SECTION("a factor for another number of channels") {
    const Diagnostic e = failure(infer("mul", {{8, 8, 16}, {1, 1, 4}}, origins));
    CHECK(e.code == "N0301");
    CHECK(e.help == "bring branch 2 to 16 channels, one factor for each channel of branch 1");
  }
  SECTION("an image is no factor for a larger image") { CHECK(failure(infer("mul", {{8, 8, 4}, {4, 4, 4}})).code == "N0301"); }
}

TEST_CASE("N0302: a kernel larger than its input", "[ops]") {
  const Diagnostic e = failure("conv 8 7x7", {5, 6, 3});
  CHECK(e.code == "N0302");
  CHECK(e.message == "`conv` has a 7x7 kernel, larger than its input, 5x6");
  REQUIRE(e.notes.size() == 1);
  CHECK(e.notes[0].text == "its input comes from `pool 3x3/2 pad` at a.net:12");
  CHECK(failure("conv 8 7x7 pad=1", {3, 9, 3}).message == "`conv` has a 7x7 kernel, larger than its padded input, 5x11");
  CHECK(failure("conv 8 3x3 dilate 4", {5, 5, 3}).message == "`conv` has a 3x3 kernel that spans 9x9, larger than its input, 5x5");
  CHECK(code("pool 2x2/2", {1, 8, 4}) == "N0302");
  CHECK(code("pool 5x5/2 ceil", {2, 8, 4}) == "N0302");
  CHECK(code("avgpool 8x8", {7, 7, 4}) == "N0302");
  CHECK(code("depthwise 5x5", {4, 4, 4}) == "N0302");
}

TEST_CASE("N0303: a bare pad around an even kernel", "[ops]") {
  CHECK(failure("conv 8 4x4 pad", {8, 8, 3}).message == "`pad` cannot be symmetric around an even kernel 4x4");
  CHECK(code("conv 8 3x2 pad", {8, 8, 3}) == "N0303");
  CHECK(code("pool 2x2/2 pad", {8, 8, 3}) == "N0303");
  CHECK(code("up 8 2x2/2 pad", {8, 8, 3}) == "N0303");
  CHECK(infer("conv 8 4x4 pad=1", {{8, 8, 3}}).output.has_value());
}

TEST_CASE("N0304 and N0305: groups", "[ops]") {
  CHECK(failure("conv 8 3x3 groups 4", {8, 8, 6}).message == "6 input channels cannot be divided into 4 groups");
  CHECK(code("conv 8 3x3 groups 4", {8, 8, 6}) == "N0304");
  const Diagnostic filters = failure("conv 6 3x3 groups 4", {8, 8, 8});
  CHECK(filters.code == "N0305");
  CHECK(filters.help == "use 8 filters");
  const Statement both = infer("conv 6 3x3 groups 4", {{8, 8, 6}});
  CHECK(both.diagnostics.errors() == 2);
  CHECK(code("deconv 8 3x3 groups 4", {8, 8, 6}) == "N0304");
  CHECK(code("deconv 6 3x3 groups 4", {8, 8, 8}) == "N0305");
  CHECK(code("shuffle 4", {2, 2, 6}) == "N0304");
  CHECK(failure("groupnorm 4", {2, 2, 6}).message == "6 input channels cannot be divided into 4 groups");
  CHECK(code("groupnorm 9", {5, 6}) == "N0304");
}

TEST_CASE("N0304: heads that do not divide", "[ops]") {
  const Diagnostic heads = failure("attn 5", {16, 12});
  CHECK(heads.code == "N0304");
  CHECK(heads.message == "12 input channels cannot be divided among 5 heads");
  CHECK(heads.label == "the input is 16x12");
  CHECK(heads.help == "take 4 or 6 heads");
  CHECK(failure("attn 20", {16, 12}).help == "take 12 heads");
  CHECK(failure("attn 7", {16, 11}).help == "take 1 or 11 heads");
  const Diagnostic kv = failure("attn 6 kv 4", {16, 12});
  CHECK(kv.code == "N0304");
  CHECK(kv.message == "6 heads of queries cannot be divided among 4 heads of keys and values");
  CHECK(kv.help == "write kv 3 or 6");
  CHECK(failure("attn 2 kv 4", {16, 12}).help == "write kv 2");
  CHECK(infer("attn 5 kv 2", {{16, 12}}).diagnostics.errors() == 2);
  CHECK(infer("attn 12 kv 12", {{16, 12}}).output.has_value());
}

TEST_CASE("N0307: a sequence is wanted, or an image", "[ops]") {
  for (const std::string_view source : {"attn 2", "position 40", "cls", "first"}) {
    CHECK(code(source, {4, 4, 8}) == "N0307");
    CHECK(code(source, {8}) == "N0307");
  }
  CHECK(failure("attn 2", {4, 4, 8}).message == "`attn` wants an input T x C, not 4x4x8");
  CHECK(failure("cls", {4, 4, 8}).help == "`tokens` makes a sequence of an image");
  CHECK(failure("first", {8}).help.starts_with("a sequence comes from an input"));
  CHECK(code("tokens", {4, 8}) == "N0307");
  CHECK(code("tokens", {8}) == "N0307");
}

TEST_CASE("N0307: a flat vector or a sequence where an image is wanted", "[ops]") {
  for (const std::string_view source : {"conv 8 3x3", "depthwise 3x3", "up 8 2x2/2", "pool 2x2/2", "avgpool", "avgpool 2x2", "upsample 2",
                                        "padto 8x8", "crop 2x2"}) {
    CHECK(code(source, {100}) == "N0307");
    CHECK(code(source, {10, 10}) == "N0307");
  }
  CHECK(failure("conv 8 3x3", {500}).message == "`conv` wants an input H x W x C, not 500");
}

TEST_CASE("N0307: an image or a flat vector where a sequence is wanted", "[ops]") {
  for (const std::string_view source : {"lstm 8", "gru 8 bidirectional"}) {
    CHECK(code(source, {100}) == "N0307");
    CHECK(code(source, {10, 10, 3}) == "N0307");
  }
  CHECK(failure("lstm 8", {500}).message == "`lstm` wants an input T x C, not 500");
}

TEST_CASE("N0308: out of the image or the channels", "[ops]") {
  CHECK(code("padto 4x9", {5, 5, 3}) == "N0308");
  CHECK(code("padto 8x8 at=4,0", {5, 5, 3}) == "N0308");
  CHECK(code("crop 6x4", {5, 5, 3}) == "N0308");
  CHECK(code("crop 4x4 at=0,2", {5, 5, 3}) == "N0308");
  CHECK(code("slice 2..9", {5, 5, 8}) == "N0308");
  CHECK(code("slice 3..3", {5, 5, 8}) == "N0308");
  CHECK(code("slice 5..3", {5, 5, 8}) == "N0308");
  CHECK(code("shuffle 0", {5, 5, 8}) == "N0308");
  CHECK(code("shuffle 9", {5, 5, 8}) == "N0308");
  CHECK(failure("slice 2..9", {5, 5, 8}).message == "`slice 2..9` does not lie within 8 channels");
}

TEST_CASE("N0309: sizes that no kernel can take", "[ops]") {
  constexpr int64_t big = int64_t{1} << 40, half = int64_t{1} << 31;
  CHECK(code_with("conv", {{"filters", {static_cast<double>(big)}}, {"kernel", {3, 3}}}, {8, 8, 3}) == "N0309");
  CHECK(code_with("conv", {{"filters", {8}}, {"kernel", {3, 3}}, {"pad", {static_cast<double>(half)}}}, {8, 8, 3}) == "N0309");
  CHECK(code_with("conv", {{"filters", {8}}, {"kernel", {3, 3}}, {"pad", {half - 1.0}}}, {8, 8, 3}) == "N0309");
  CHECK(code_with("conv", {{"filters", {8}}, {"kernel", {65537, 3}}, {"dilate", {65537}}}, {8, 8, 3}) == "N0309");
  CHECK(code_with("deconv", {{"filters", {8}}, {"kernel", {3, 3, half - 1.0, half - 1.0}}}, {half - 1, 8, 3}) == "N0309");
  CHECK(code_with("fc", {{"outputs", {static_cast<double>(half)}}}, {8}) == "N0309");
  CHECK(code_with("lstm", {{"hidden", {static_cast<double>(half)}}}, {8, 8}) == "N0309");
  CHECK(code_with("gru", {{"hidden", {half / 3 + 1.0}}}, {8, 8}) == "N0309");
  CHECK(code_with("upsample", {{"factor", {half - 1.0}}}, {8, 8, 1}) == "N0309");
  CHECK(code("fc 10", {65536, 65536, 3}) == "N0309");
  CHECK(code("flatten", {65536, 65536, 3}) == "N0309");
  CHECK(code("bn", {65536, 65536, 3}) == "N0309");
  CHECK(code("avgpool", {half - 1, half - 1, half - 1}) == "N0309");
  CHECK(failure(infer("concat", {{4, half - 1}, {4, 1}})).code == "N0309");
  CHECK(code("softmax", {65536, 65536, 3}) == "N0309");
  CHECK(code("tokens", {65536, 65536, 3}) == "N0309");
  CHECK(code("rmsnorm", {65536, 65536, 3}) == "N0309");
  CHECK(code("groupnorm 1", {65536, 65536, 3}) == "N0309");
  CHECK(code("cls", {half - 1, 3}) == "N0309");
  CHECK(code("cls", {half, 3}) == "N0309");
  CHECK(code("first", {half, 3}) == "N0309");
  CHECK(code("position 4", {half, 3}) == "N0309");
  CHECK(code_with("position", {{"positions", {static_cast<double>(half)}}}, {4, 3}) == "N0309");
  CHECK(code("attn 1", {4, half / 2}) == "N0309");
  CHECK(code("attn 1", {half, 4}) == "N0309");
  CHECK(failure("flatten", {65536, 65536, 3}).message ==
        "`flatten` is too large: the number of values of its input is 12884901888, the limit is 2147483647");
}

TEST_CASE("N0310: arguments out of range or contradictory", "[ops]") {
  CHECK(code("conv 0 3x3", {8, 8, 3}) == "N0310");
  CHECK(code("conv 8 0x3", {8, 8, 3}) == "N0310");
  CHECK(code("conv 8 3x3/0", {8, 8, 3}) == "N0310");
  CHECK(code("conv 8 3x3 groups 0", {8, 8, 3}) == "N0310");
  CHECK(code("conv 8 3x3 dilate 0", {8, 8, 3}) == "N0310");
  CHECK(code("conv 8 3x3 pad same", {8, 8, 3}) == "N0310");
  CHECK(code("conv 8 3x3 bias nobias", {8, 8, 3}) == "N0310");
  CHECK(code_with("conv", {{"filters", {-4}}, {"kernel", {3, 3}}}, {8, 8, 3}) == "N0310");
  CHECK(code_with("conv", {{"filters", {4}}, {"kernel", {3, 3}}, {"pad", {-1}}}, {8, 8, 3}) == "N0310");
  CHECK(code("deconv 4 3x3 pad=9", {8, 8, 3}) == "N0310");
  CHECK(code("pool 2x2/2 pad=2", {8, 8, 3}) == "N0310");
  CHECK(code("pool 300x300", {300, 300, 3}) == "N0310");
  CHECK(code("avgpool pad", {8, 8, 3}) == "N0310");
  CHECK(code("avgpool countpad", {8, 8, 3}) == "N0310");
  CHECK(code("fc 0", {8}) == "N0310");
  CHECK(code("lstm 0", {8, 8}) == "N0310");
  CHECK(code("gru 4 layers 0", {8, 8}) == "N0310");
  CHECK(failure("lstm 4 layers 1001", {8, 8}).message == "`lstm` wants layers to be between 1 and 1000, not 1001");
  CHECK(code("upsample 0", {8, 8, 3}) == "N0310");
  CHECK(code("upsample 2 nearest bilinear", {8, 8, 3}) == "N0310");
  CHECK(code("drop 1", {8}) == "N0310");
  CHECK(failure("drop 1.5", {8}).message == "`drop` wants p to be at least 0 and below 1, not 1.5");
  CHECK(code_with("drop", {{"p", {-0.5}}}, {8}) == "N0310");
  CHECK(code("bn eps 0", {8}) == "N0310");
  CHECK(code("bn keep 1.5", {8}) == "N0310");
  CHECK(code("rmsnorm eps 0", {8}) == "N0310");
  CHECK(code("groupnorm 0", {4, 8}) == "N0310");
  CHECK(code("groupnorm 2 eps 0", {4, 8}) == "N0310");
  CHECK(code("position 0", {4, 8}) == "N0310");
  const Diagnostic places = failure("position 3", {4, 8});
  CHECK(places.code == "N0310");
  CHECK(places.message == "`position` has 3 positions, its input 4 tokens");
  CHECK(places.help == "write position 4, or position in.t");
  CHECK(code("attn 0", {4, 8}) == "N0310");
  CHECK(code("attn 2 kv 0", {4, 8}) == "N0310");
  CHECK(code("attn 2 drop 1", {4, 8}) == "N0310");
  CHECK(code("attn 2 bias nobias", {4, 8}) == "N0310");
  const Diagnostic odd = failure("attn 2 rope", {4, 6});
  CHECK(odd.code == "N0310");
  CHECK(odd.message == "`rope` turns pairs of values, but a head has 3");
  CHECK(code("lrn 0", {4, 4, 8}) == "N0310");
  CHECK(code("lrn 5 k 0", {4, 4, 8}) == "N0310");
  CHECK(code_with("lrn", {{"channels", {5}}, {"alpha", {-1}}}, {4, 4, 8}) == "N0310");
  CHECK(code_with("leaky", {{"slope", {-0.1}}}, {8}) == "N0310");
  CHECK(code("elu 0", {8}) == "N0310");
  CHECK(code("gelu tanh erf", {8}) == "N0310");
  CHECK(code("crop 0x4", {8, 8, 3}) == "N0310");
  CHECK(code_with("crop", {{"size", {4, 4}}, {"at", {-1, 0}}}, {8, 8, 3}) == "N0310");
  CHECK(code("loss softmax smooth 1", {8}) == "N0310");
  CHECK(failure("loss softmax", {1, 1, 1}).help == "use `loss bce` for one yes-or-no score");
}

TEST_CASE("one statement reports all its mistakes", "[ops]") {
  CHECK(infer("conv 0 3x3/0 groups 0 bias nobias", {{100}}).diagnostics.errors() >= 5);
}

TEST_CASE("an error stands at the argument where its place is known", "[ops]") {
  Args args = example_args(*find_op("drop"), "drop 1.5");
  ArgValue value = *args.find("p");
  value.where.file = 0;
  value.where.line = 3;
  value.where.column = 6;
  args.set("p", value);
  const Statement s = infer(*find_op("drop"), std::move(args), {{8}});
  REQUIRE(s.diagnostics.errors() == 1);
  CHECK(s.diagnostics.all()[0].where.line == 3);
  CHECK(s.diagnostics.all()[0].where.column == 6);
}
