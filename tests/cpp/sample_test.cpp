// Sampling, from networks written by hand whose scores are known.
#include <catch2/catch.hpp>

#include <cmath>
#include <functional>
#include <map>

#include "compiled.h"
#include "data_samples.h"
#include "train/sample.h"

using Catch::Matchers::Contains;
using netrt::Context;
using netrt::ProgramSpec;

namespace {

constexpr int kBatch = 2, kLength = 5, kVocabulary = 7, kClasses = 8;

/// A network that scores `score(tokens, position, id)` for every position of the first sample.
class Network {
 public:
  using Score = std::function<float(const int32_t* tokens, int position, int id)>;

  explicit Network(Score score) : score_(std::move(score)) {}

  std::string sample(const netrt::Options& options, uint64_t seed = 1, const char* reader = "tokens") {
    ProgramSpec spec{};
    spec.arena_bytes = sizeof arena_;
    spec.slots = 1;
    spec.input_bytes = kBatch * kLength * 4;
    spec.label_offset = 256;
    spec.label_bytes = kBatch * kLength * 4;
    spec.scores_offset = 512;
    spec.data = samples::token_spec(reader, kLength, kVocabulary);
    spec.data.classes = kClasses;  // more scores than there are tokens
    spec.train.batch = kBatch;
    netrt::Steps steps;
    steps.evaluate = [this](Context& ctx, int slot) {
      REQUIRE((slot == 0 && netrt::run_state(ctx).valid == 1));
      const auto* tokens = reinterpret_cast<const int32_t*>(arena_);
      auto* scores = reinterpret_cast<float*>(arena_ + 512);
      for (int position = 0; position < kLength; ++position)
        for (int id = 0; id < kClasses; ++id) scores[position * kClasses + id] = score_(tokens, position, id);
      ++runs;
    };
    const netrt::ContextPtr ctx = netrt::make_context();
    std::FILE* file = std::tmpfile();
    netrt::Sampler(*ctx, arena_, spec, steps, options).print(seed, file);
    std::string text(static_cast<size_t>(std::ftell(file)), ' ');
    std::rewind(file);
    REQUIRE(std::fread(text.data(), 1, text.size(), file) == text.size());
    std::fclose(file);
    return text;
  }

  int runs = 0;

 private:
  Score score_;
  alignas(64) char arena_[4096] = {};
};

/// Counts on from the token at the position; the score that no token has is the highest.
float counting(const int32_t* tokens, int position, int id) {
  if (id >= kVocabulary) return 100;
  return id == (tokens[position] + 1) % kVocabulary ? 5.0f : 0.0f;
}

/// Scores whose softmax is 0.5, 0.3, 0.2, whatever the tokens.
float thirds(const int32_t*, int, int id) {
  constexpr float p[] = {0.5f, 0.3f, 0.2f};
  return id < 3 ? std::log(p[id]) : -1000.0f;
}

netrt::Options asked(int64_t count, double temperature = 1, const std::string& prompt = "") {
  netrt::Options options;
  options.sample = count;
  options.temperature = temperature;
  options.prompt = prompt;
  return options;
}

std::map<char, int> counts(const std::string& text) {
  std::map<char, int> seen;
  for (const char c : text) ++seen[c];
  return seen;
}

}  // namespace

TEST_CASE("a sample reads the scores of its last token, in short windows and in full ones", "[sample]") {
  Network net(counting);
  CHECK(net.sample(asked(9, 0, "2 3")) == "2 3 4 5 6 0 1 2 3 4 5\n");
  CHECK(net.runs == 9 + 2);  // two to see that it is causal
  CHECK(net.sample(asked(3, 0)) == "0 1 2\n");  // begins behind the last id
  CHECK(net.sample(asked(1, 0, "0 1 2 3 4 5 6 0")) == "0 1 2 3 4 5 6 0 1\n");  // a prompt longer than the input
  CHECK(net.sample(asked(3, 0), 1, "arithmetic") == "<1><2><3>\n");
  // The window keeps as many tokens as the input holds.
  Network first([](const int32_t* tokens, int position, int id) { return position == kLength - 1 && id == tokens[0] ? 9.0f : id == 3 ? 1.0f : 0.0f; });
  CHECK(first.sample(asked(7, 0, "6 5 4 2 1")) == "6 5 4 2 1 6 5 4 2 1 6 5\n");
}

TEST_CASE("tokens are drawn as often as the network says, sharper with a low temperature, the same for a seed", "[sample]") {
  Network net(thirds);
  const std::string text = net.sample(asked(20000));
  std::map<char, int> seen = counts(text);
  CHECK(seen['0'] == Approx(10000).margin(300));
  CHECK(seen['1'] == Approx(6000).margin(300));
  CHECK(seen['2'] == Approx(4000).margin(300));
  CHECK(text == net.sample(asked(20000)));
  CHECK(text != net.sample(asked(20000), 2));
  seen = counts(net.sample(asked(20000, 0.5)));
  CHECK(seen['0'] == Approx(20000 * 0.25 / 0.38).margin(300));
  CHECK(counts(net.sample(asked(50, 0)))['0'] == 50);
}

TEST_CASE("what cannot be sampled from says why", "[sample]") {
  Network later([](const int32_t* tokens, int, int id) { return id == tokens[kLength - 1] ? 1.0f : 0.0f; });
  CHECK_THAT(samples::data_error([&] { later.sample(asked(1)); }), Contains("causal"));
  Network net(counting);
  CHECK_THAT(samples::data_error([&] { net.sample(asked(1, 1, "7")); }), Contains("id 7"));
  CHECK_THAT(samples::data_error([&] { net.sample(asked(1, 1, "x")); }), Contains("numbers"));
  Network broken([](const int32_t*, int, int) { return std::nanf(""); });
  CHECK(samples::data_error([&] { broken.sample(asked(3)); }).empty());
}

TEST_CASE("compiled networks: attention is causal or not, and the scores lie where the plan says", "[sample]") {
  using namespace netc;
  TemporaryFolder folder;
  const auto run = [&](const std::string& attention, const std::vector<std::string>& arguments) {
    const Compilation made = compile_text("input 8 tokens 17\nembed 17 8; position 8\n" + attention + "\nnorm; fc 17\nloss softmax\n"
                                          "train { adam 1e-2; batch 4; steps 2 }\n");
    const Plan plan = plan_of(*made.graph, cpu_target(), 4);
    InterpretOptions options;
    options.guard = true;
    options.command = "netc --train test.net";
    options.folder = folder.path().string();
    options.arguments = arguments;
    options.arguments.push_back("--quiet");
    return interpret(*made.graph, plan, options);
  };
  const std::string file = (folder.path() / "weights").string();
  CHECK(run("add {} { attn 2 causal }", {"--sample", "12", "--save", file}) == 0);
  CHECK(run("add {} { attn 2 causal }", {"--sample", "12", "--load", file, "--steps", "0", "--data", "nowhere"}) == 1);
  CHECK(run("add {} { attn 2 causal }", {"--sample", "12", "--load", file, "--epochs", "0"}) == 0);
  CHECK(run("add {} { attn 2 }", {"--sample", "12"}) == 1);
  CHECK(run("add {} { attn 2 }", {}) == 0);
}
