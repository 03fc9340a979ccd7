// Checkpoints: the file's format, going back and forth, and files that are not right.
#include <catch2/catch.hpp>

#include <random>

#include "data_samples.h"
#include "train/checkpoint.h"
#include "train/safetensors.h"

using namespace samples;
using Catch::Matchers::Contains;
using netrt::Tensor;
using netrt::TrainingState;

namespace {

netrt::ProgramSpec program() {
  netrt::ProgramSpec spec{};
  spec.network = "quote\" and \\ and \n";
  spec.tensors = {{"conv1.w", Tensor::parameter, 0, {2, 3}, netrt::InitKind::constant, 0},
                  {"bn1.mean", Tensor::state, 256, {4}, netrt::InitKind::constant, 0},
                  {"conv1.w.m", Tensor::optimizer, 512, {2, 3}, netrt::InitKind::constant, 0}};
  return spec;
}

std::vector<float> numbers(int seed) {
  std::vector<float> arena(192);
  std::mt19937 random(static_cast<unsigned>(seed));
  for (float& value : arena) value = static_cast<float>(random()) / 1e9f - 2;
  return arena;
}

void save(const std::string& file, const std::vector<float>& arena, const TrainingState& state) {
  const auto ctx = netrt::make_context();
  netrt::save_checkpoint(*ctx, reinterpret_cast<const char*>(arena.data()), program(), state, file);
}

std::string load_error(const std::string& file, const netrt::ProgramSpec& spec = program()) {
  const auto ctx = netrt::make_context();
  std::vector<float> arena(192);
  return data_error([&] {
    netrt::checkpoint_state(file);
    netrt::load_checkpoint(*ctx, reinterpret_cast<char*>(arena.data()), spec, file);
  });
}

std::string with_header(std::string json, int64_t data_bytes) {
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(json.size() & 255);
  bytes[1] = static_cast<char>(json.size() >> 8);
  return bytes + json + std::string(static_cast<size_t>(data_bytes), '\0');
}

}  // namespace

TEST_CASE("a checkpoint brings back every bit, and where the run stood", "[checkpoint]") {
  TempDir dir;
  const std::string file = dir / "model.safetensors";
  const std::vector<float> before = numbers(1);
  save(file, before, {123, 42, 5, 2, 0.1 + 0.2});
  CHECK(!std::filesystem::exists(file + ".tmp"));
  const auto state = netrt::checkpoint_state(file);
  REQUIRE(state);
  CHECK((state->step == 123 && state->seed == 42 && state->evaluations == 5 && state->worse == 2 && state->best == 0.1 + 0.2));
  std::vector<float> after(192, 7.0f);
  const auto ctx = netrt::make_context();
  netrt::load_checkpoint(*ctx, reinterpret_cast<char*>(after.data()), program(), file);
  for (size_t i = 0; i < 192; ++i) {
    const bool stored = i < 6 || (i >= 64 && i < 68) || (i >= 128 && i < 134);
    CHECK(after[i] == (stored ? before[i] : 7.0f));
  }
}

TEST_CASE("the file is safetensors: length, header, numbers without gaps", "[checkpoint]") {
  TempDir dir;
  save(dir / "a", numbers(1), {});
  const std::string bytes = read_file(dir / "a");
  const size_t length = static_cast<uint8_t>(bytes[0]) + 256u * static_cast<uint8_t>(bytes[1]);
  CHECK(length % 8 == 0);
  CHECK(bytes.size() == 8 + length + 4 * (6 + 4 + 6));
  const std::string json = bytes.substr(8, length);
  CHECK_THAT(json, Contains(R"("conv1.w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})"));
  CHECK_THAT(json, Contains(R"("bn1.mean":{"dtype":"F32","shape":[4],"data_offsets":[24,40]})"));
  CHECK_THAT(json, Contains(R"("optimizer/conv1.w.m":{"dtype":"F32","shape":[2,3],"data_offsets":[40,64]})"));
  CHECK_THAT(json, Contains(R"("netc.network":"quote\" and \\ and \u000a")"));
}

TEST_CASE("weights from elsewhere load without the optimiser's state", "[checkpoint]") {
  TempDir dir;
  const std::string json = R"({ "bn1.mean" : {"shape":[4],"data_offsets":[24,40],"dtype":"F32"},
    "\u0063onv1.w":{"dtype":"F32","shape":[2, 3],"data_offsets":[0,24]}}  )";
  write_file(dir / "a", with_header(json, 40));
  CHECK(load_error(dir / "a").empty());
  CHECK(!netrt::checkpoint_state(dir / "a"));
}

TEST_CASE("checkpoints that do not fit say why", "[checkpoint]") {
  TempDir dir;
  const std::string file = dir / "a";
  save(file, numbers(1), {});
  CHECK(load_error(file).empty());
  netrt::ProgramSpec other = program();
  other.tensors[0].shape = {3, 2};
  CHECK_THAT(load_error(file, other), Contains(file) && Contains("conv1.w") && Contains("[2,3]") && Contains("[3,2]"));
  other = program();
  other.tensors[1].name = "bn2.mean";
  CHECK_THAT(load_error(file, other), Contains("bn2.mean"));
  other = program();
  other.tensors.pop_back();
  CHECK_THAT(load_error(file, other), Contains("optimizer/conv1.w.m"));
  CHECK_THAT(load_error(dir / "missing"), Contains("missing"));
  CHECK_THAT(load_error(dir.path()), Contains(dir.path()));
  CHECK_THAT(data_error([&] { save(dir / "no/such/folder", numbers(1), {}); }), Contains("no/such/folder"));
}

TEST_CASE("headers that are not right are errors", "[checkpoint]") {
  const auto error = [](const std::string& json, int64_t bytes) { return data_error([&] { netrt::read_header(json, bytes, "file"); }); };
  CHECK(error(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4).empty());
  CHECK(error(R"({})", 0).empty());
  for (const char* wrong : {"",
                            "{",
                            "[]",
                            "{}x",
                            R"({"a"})",
                            R"({"a":1})",
                            R"({"a":{}})",
                            R"({"a":{"dtype":"F32","shape":[1]}})",
                            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})",
                            R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})",
                            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                            R"({"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[1,],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],}})",
                            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":"y"}})",
                            R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                            R"({"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                            R"({"\x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                            R"({"__metadata__":{"a":1}})",
                            "{\"a\n\":{}}"}) {
    CAPTURE(wrong);
    CHECK_THAT(error(wrong, 4), Contains("file"));
  }
}

TEST_CASE("damaged checkpoints are errors or load, never a crash", "[checkpoint]") {
  TempDir dir;
  const std::string file = dir / "a";
  save(file, numbers(1), {5, 1, 1, 0, 0.5});
  const std::string whole = read_file(file);
  for (size_t length = 0; length < whole.size(); ++length) {
    write_file(file, whole.substr(0, length));
    REQUIRE(!load_error(file).empty());
  }
  std::mt19937 random(3);
  int errors = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = whole;
    for (int change = 0; change < 1 + round % 3; ++change) damaged[random() % (damaged.size() - 64)] = static_cast<char>(random());
    write_file(file, damaged);
    errors += load_error(file).empty() ? 0 : 1;
  }
  CHECK(errors > 1000);
}
