// Streams of token ids from files, and the generated language.
#include <catch2/catch.hpp>

#include <cmath>
#include <map>
#include <set>

#include "data_samples.h"
#include "train/tokens.h"

using namespace samples;
using Catch::Matchers::Contains;
using netrt::open_dataset;
using netrt::Split;

namespace {

/// Ids first, first + 1, ... as little-endian uint16.
std::string ids(int first, int count) {
  std::string bytes;
  for (int i = first; i < first + count; ++i) bytes += {static_cast<char>(i & 255), static_cast<char>(i >> 8)};
  return bytes;
}

std::string llm_c(int promised, const std::string& ids) {
  std::string bytes(1024, '\0');
  const uint32_t head[3] = {20240520, 1, static_cast<uint32_t>(promised)};
  std::memcpy(bytes.data(), head, sizeof head);
  return bytes + ids;
}

struct Window {
  std::vector<int32_t> input, target;
};

Window window(const netrt::Dataset& data, const netrt::DataSpec& spec, int64_t index, uint64_t epoch = 0) {
  Window out{std::vector<int32_t>(static_cast<size_t>(spec.c)), std::vector<int32_t>(static_cast<size_t>(spec.target_rows))};
  data.sample(index, epoch, out.input.data(), out.target.data());
  return out;
}

/// The text of an arithmetic sample.
std::string text(const std::vector<int32_t>& tokens) {
  std::string out;
  for (const int32_t token : tokens) out += netrt::kArithmeticAlphabet[static_cast<size_t>(token)];
  return out;
}

/// The value of an expression of digits, + - * and parentheses, by its grammar.
struct Calculator {
  const char* at;
  int sum() {
    int value = product();
    while (*at == '+' || *at == '-') value = *at++ == '+' ? value + product() : value - product();
    return value;
  }
  int product() {
    int value = factor();
    while (*at == '*') ++at, value *= factor();
    return value;
  }
  int factor() {
    if (*at != '(') return *at++ - '0';
    ++at;
    const int value = sum();
    ++at;
    return value;
  }
};

}  // namespace

TEST_CASE("tokens: several files are one stream, windows do not overlap, the target is the next id", "[data]") {
  TempDir dir;
  write_file(dir / "b_1.bin", llm_c(250, ids(150, 250)));
  write_file(dir / "b_0.bin", ids(0, 150));
  const netrt::DataSpec spec = token_spec("tokens", 8, 400);
  const auto train = open_dataset(spec, dir / "b_*.bin", Split::train, 1), test = open_dataset(spec, dir / "b_*.bin", Split::test, 1);
  CHECK(train->size() == 360 / 8 - 1);  // nine tenths of 400, less one window for the offset
  CHECK(test->size() == 39 / 8);
  std::set<int32_t> offsets;
  for (uint64_t epoch = 0; epoch < 40; ++epoch) {
    const int32_t offset = window(*train, spec, 0, epoch).input[0];
    offsets.insert(offset);
    for (int64_t i = 0; i < train->size(); ++i) {
      const Window seen = window(*train, spec, i, epoch);
      for (int32_t t = 0; t < 8; ++t) {
        REQUIRE(seen.input[static_cast<size_t>(t)] == offset + i * 8 + t);
        REQUIRE(seen.target[static_cast<size_t>(t)] == offset + i * 8 + t + 1);
        REQUIRE(seen.target[static_cast<size_t>(t)] < 360);
      }
    }
  }
  CHECK(offsets.size() == 8);
  CHECK((*offsets.begin() == 0 && *offsets.rbegin() == 7));
  for (int64_t i = 0; i < test->size(); ++i) CHECK(window(*test, spec, i, 3).input[0] == 360 + i * 8);
  const auto again = open_dataset(spec, dir / "b_*.bin", Split::train, 1), other = open_dataset(spec, dir / "b_*.bin", Split::train, 2);
  int same = 0;
  for (uint64_t epoch = 0; epoch < 20; ++epoch) {
    CHECK(window(*again, spec, 4, epoch).input == window(*train, spec, 4, epoch).input);
    same += window(*other, spec, 4, epoch).input == window(*train, spec, 4, epoch).input ? 1 : 0;
  }
  CHECK(same < 10);
}

TEST_CASE("tokens: files with val in their name are for testing, a single window is enough", "[data]") {
  TempDir dir;
  write_file(dir / "val/x_train_0.bin", ids(0, 9));
  write_file(dir / "val/x_val_0.bin", ids(100, 30));
  const netrt::DataSpec spec = token_spec("tokens", 8, 200);
  const auto train = open_dataset(spec, dir / "val", Split::train, 1), test = open_dataset(spec, dir / "val", Split::test, 1);
  REQUIRE((train->size() == 1 && test->size() == 3));
  CHECK(window(*train, spec, 0, 7).input[0] == 0);
  CHECK(window(*train, spec, 0, 7).target[7] == 8);
  CHECK(window(*test, spec, 2).input[0] == 116);
  // Where only such files are meant, they are all there is.
  CHECK(open_dataset(token_spec("tokens", 2, 200), dir / "val/*val*", Split::test, 1)->size() == 1);
}

TEST_CASE("bytes: every byte is an id; --data decides by the file's name", "[data]") {
  TempDir dir;
  std::string all;
  for (int i = 0; i < 600; ++i) all += static_cast<char>(i);
  write_file(dir / "text.txt", all);
  write_file(dir / "ids.bin", ids(0, 300));
  netrt::DataSpec spec = token_spec("bytes", 4, 256);
  CHECK(window(*open_dataset(spec, dir / "text.txt", Split::test, 1), spec, 0).input == std::vector<int32_t>{28, 29, 30, 31});
  const std::string path = dir / "ids.bin", text_path = dir / "text.txt";
  spec.path = path.c_str();
  CHECK(window(*open_dataset(spec, "", Split::test, 1), spec, 0).target == std::vector<int32_t>{1, 15, 1, 16});  // bytes, as the .net says
  CHECK(netrt::token_form(spec, "") == netrt::TokenForm::bytes);
  for (const char* reader : {"tokens", "bytes", "arithmetic"}) {
    const netrt::DataSpec each = token_spec(reader, 4, 300);
    CHECK(window(*open_dataset(each, path, Split::test, 1), each, 0).input == std::vector<int32_t>{270, 271, 272, 273});
    CHECK(window(*open_dataset(each, text_path, Split::test, 1), each, 0).input == std::vector<int32_t>{28, 29, 30, 31});
    CHECK(netrt::token_form(each, path) == netrt::TokenForm::ids);
    CHECK(netrt::token_form(each, text_path) == netrt::TokenForm::bytes);
    CHECK(open_dataset(each, dir.path(), Split::test, 1)->size() == 29 / 4);  // of a folder the .bin files
  }
}

TEST_CASE("tokens: what is wrong with files is said with name, place and what was expected", "[data]") {
  TempDir dir;
  const netrt::DataSpec spec = token_spec("tokens", 8, 100);
  write_file(dir / "odd.bin", ids(0, 50) + "x");
  CHECK_THAT(reading_error(spec, dir / "odd.bin"), Contains("odd.bin: 101 bytes, an odd number; expected little-endian uint16"));
  write_file(dir / "high.bin", ids(0, 70) + ids(100, 1) + ids(0, 60));
  CHECK_THAT(reading_error(spec, dir / "high.bin"), Contains("high.bin: id 100 at token 70, the network's input knows the ids 0 to 99"));
  write_file(dir / "short.bin", ids(0, 89));
  CHECK_THAT(reading_error(spec, dir / "short.bin", Split::test), Contains("short.bin: 8 tokens to test on (the last tenth); a sequence of 8") && Contains("need 9"));
  CHECK(reading_error(spec, dir / "short.bin").empty());
  write_file(dir / "empty.bin", "");
  CHECK_THAT(reading_error(spec, dir / "empty.bin"), Contains("empty.bin: 0 tokens to train on"));
  CHECK_THAT(reading_error(spec, dir / "none_*.bin"), Contains("no file is called") && Contains("none_*.bin") && Contains("--data"));
  CHECK_THAT(reading_error(spec, dir / "nowhere/none.bin"), Contains("nowhere/none.bin"));
  write_file(dir / "header.bin", llm_c(60, ids(0, 50)));
  CHECK_THAT(reading_error(spec, dir / "header.bin"), Contains("header.bin: its header says 60 ids of two bytes, behind it are 100 bytes"));
  write_file(dir / "text.txt", std::string(90, 'a') + "~" + std::string(90, 'a'));
  CHECK_THAT(reading_error(token_spec("bytes", 8, 120), dir / "text.txt"), Contains("text.txt: byte 126 at token 90") && Contains("256 tokens take every byte"));
  CHECK_THAT(reading_error(spec, dir / "*"), Contains("means") && Contains("a .bin file holds ids"));
  netrt::DataSpec few = spec;
  few.classes = 60;
  CHECK_THAT(reading_error(few, dir / "short.bin"), Contains("scores 60 different tokens, its input knows 100"));
  netrt::DataSpec one = spec;
  one.target_rows = 1;
  CHECK_THAT(reading_error(one, dir / "short.bin"), Contains("each of the 8 positions is given its next token"));
}

TEST_CASE("npy: whole numbers are token ids, with a class a sequence or a position", "[data]") {
  TempDir dir;
  write_file(dir / "x_train.npy", npy<int32_t>("<i4", "(2, 3)", {1, 2, 3, 4, 5, 6}));
  write_file(dir / "y_train.npy", npy<int64_t>("<i8", "(2,)", {1, 0}));
  netrt::DataSpec spec = token_spec("npy", 3, 7);
  spec.target_rows = 1;
  spec.classes = 2;
  const Window second = window(*open_dataset(spec, dir.path(), Split::train, 1), spec, 1);
  CHECK((second.input == std::vector<int32_t>{4, 5, 6} && second.target == std::vector<int32_t>{0}));
  spec.vocabulary = 6;
  CHECK_THAT(reading_error(spec, dir.path()), Contains("x_train.npy, row 1: id 6 at position 2, the network's input knows the ids 0 to 5"));
  write_file(dir / "x_train.npy", npy<uint16_t>("<u2", "(2, 3)", {1, 2, 3, 60000, 5, 6}));
  write_file(dir / "y_train.npy", npy<int32_t>("<i4", "(2, 3)", {1, 0, 2, 3, 1, 0}));
  netrt::DataSpec rows = token_spec("npy", 3, 60001);
  rows.classes = 4;
  const Window last = window(*open_dataset(rows, dir.path(), Split::train, 1), rows, 1);
  CHECK((last.input == std::vector<int32_t>{60000, 5, 6} && last.target == std::vector<int32_t>{3, 1, 0}));
  write_file(dir / "x_train.npy", npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6}));
  CHECK_THAT(reading_error(rows, dir.path()), Contains("<f4") && Contains("whole numbers"));
  write_file(dir / "x_train.npy", npy<int32_t>("<i4", "(2, 2)", {1, 2, 3, 4}));
  CHECK_THAT(reading_error(rows, dir.path()), Contains("(2, 2)") && Contains("(N, 3)"));
}

TEST_CASE("arithmetic: lines that are right, each split and seed its own", "[data]") {
  const netrt::DataSpec spec = token_spec("arithmetic", 100, 17);
  const auto train = open_dataset(spec, "", Split::train, 1), again = open_dataset(spec, "", Split::train, 1);
  const auto test = open_dataset(spec, "", Split::test, 1), other = open_dataset(spec, "", Split::train, 2);
  CHECK((train->size() == 10000 && test->size() == 2000));
  int lines = 0;
  for (int64_t i = 0; i < 200; ++i) {
    const Window seen = window(*train, spec, i);
    REQUIRE(seen.input == window(*again, spec, i, 5).input);
    REQUIRE(seen.input != window(*test, spec, i).input);
    REQUIRE(seen.input != window(*other, spec, i).input);
    REQUIRE(std::equal(seen.input.begin() + 1, seen.input.end(), seen.target.begin()));
    const std::string all = text(seen.input);
    // Only the lines between two ends are whole.
    for (size_t at = all.find('\n'); at != std::string::npos; at = all.find('\n', at + 1), ++lines) {
      const size_t end = all.find('\n', at + 1);
      if (end == std::string::npos) break;
      const std::string line = all.substr(at + 1, end - at - 1);
      Calculator calculator{line.c_str()};
      const int value = calculator.sum();
      INFO(line);
      REQUIRE(*calculator.at == '=');
      REQUIRE(std::to_string(value) == calculator.at + 1);
    }
  }
  CHECK(lines > 1000);
}

TEST_CASE("arithmetic: with few tokens ids are taken modulo, with a class it is the number of operators", "[data]") {
  const netrt::DataSpec full = token_spec("arithmetic", 30, 17), few = token_spec("arithmetic", 30, 5);
  const auto a = open_dataset(full, "", Split::train, 1), b = open_dataset(few, "", Split::train, 1);
  for (int64_t i = 0; i < 50; ++i) {
    Window seen = window(*a, full, i);
    for (int32_t& id : seen.input) id %= 5;
    REQUIRE(seen.input == window(*b, few, i).input);
  }
  netrt::DataSpec spec = token_spec("arithmetic", GENERATE(7, 24), 17);
  spec.target_rows = 1;
  spec.classes = GENERATE(2, 3, 10);
  const int kinds = spec.c == 7 ? 2 : std::min<int>(4, static_cast<int>(spec.classes));
  std::map<int, int> counts;
  const auto data = open_dataset(spec, "", Split::train, 1);
  for (int64_t i = 0; i < 120; ++i) {
    const Window seen = window(*data, spec, i);
    ++counts[seen.target[0]];
    std::string line = text(seen.input);
    line = line.substr(0, line.find('='));
    REQUIRE(std::count_if(line.begin(), line.end(), [](char c) { return c == '+' || c == '-' || c == '*'; }) == seen.target[0] + 1);
  }
  CHECK(static_cast<int>(counts.size()) == kinds);
  for (const auto& [label, count] : counts) CHECK(count == 120 / kinds);
}

TEST_CASE("the unigram entropy is that of the ids' frequencies", "[data]") {
  TempDir dir;
  std::string bytes;
  for (int i = 0; i < 4001; ++i) bytes += "aaab"[i % 4];
  write_file(dir / "text.txt", bytes);
  const netrt::DataSpec spec = token_spec("bytes", 4, 128);
  const auto data = open_dataset(spec, dir / "text.txt", Split::train, 1);
  CHECK(netrt::unigram_entropy(*data, spec) == Approx(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)));
}

TEST_CASE("text to tokens and back", "[data]") {
  using netrt::TokenForm;
  using netrt::tokens_of;
  const auto shown = [](TokenForm form, int64_t vocabulary, const std::vector<int32_t>& tokens) {
    netrt::TokenText text(form, vocabulary);
    std::string out;
    for (const int32_t token : tokens) out += text.next(token);
    return out + text.rest();
  };
  CHECK(tokens_of("12, 7 0", TokenForm::ids, 13) == std::vector<int32_t>{12, 7, 0});
  CHECK(shown(TokenForm::ids, 13, {12, 7, 0}) == "12 7 0");
  CHECK_THAT(data_error([&] { tokens_of("12 x", TokenForm::ids, 13); }), Contains("separated by blanks or commas"));
  CHECK_THAT(data_error([&] { tokens_of("13", TokenForm::ids, 13); }), Contains("id 13"));
  CHECK(tokens_of("(3+4)*2=14", TokenForm::arithmetic, 17).size() == 10);
  CHECK(shown(TokenForm::arithmetic, 20, tokens_of("(3+4)*2=14\n", TokenForm::arithmetic, 20)) == "(3+4)*2=14\n");
  CHECK(shown(TokenForm::arithmetic, 20, {1, 19}) == "0<19>");
  CHECK(shown(TokenForm::arithmetic, 5, {1, 4}) == "<1><4>");
  CHECK_THAT(data_error([&] { tokens_of("1/2", TokenForm::arithmetic, 17); }), Contains("only digits"));
  const std::string utf8 = "na\xc3\xafve \xe2\x82\xac\t";
  CHECK(shown(TokenForm::bytes, 256, tokens_of(utf8, TokenForm::bytes, 256)) == utf8);
  CHECK(shown(TokenForm::bytes, 300, {0x07, 'a', 0xc3, 'b', 0x80, 0xe2, 0x82, 299, 0xff}) == "\\x07a\\xc3b\\x80\\xe2\\x82<299>\\xff");
  CHECK_THAT(data_error([&] { tokens_of("a\xc3", TokenForm::bytes, 128); }), Contains("id 195"));
}
