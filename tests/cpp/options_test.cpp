// The trainer's options.
#include <catch2/catch.hpp>

#include "train/options.h"

using Catch::Matchers::Contains;
using netrt::Options;

namespace {

Options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "program");
  return netrt::parse_options(static_cast<int>(words.size()), words.data());
}

std::string error(std::vector<const char*> words) {
  try {
    parse(std::move(words));
  } catch (const netrt::OptionError& wrong) {
    return wrong.what();
  }
  return "";
}

}  // namespace

TEST_CASE("options with values after a blank or an equals sign", "[options]") {
  const Options options =
      parse({"--epochs", "3", "--data=a=b", "--lr", "1e-3", "--seed=18446744073709551615", "--quiet", "--check-memory=m.json", "--log-steps"});
  CHECK(options.epochs == 3);
  CHECK(!options.steps);
  CHECK(options.data == "a=b");
  CHECK(options.learning_rate == 1e-3);
  CHECK(options.seed == UINT64_MAX);
  CHECK((options.quiet && options.check_memory && options.log_steps && !options.dry_run));
  CHECK(options.memory_file == "m.json");
  CHECK(parse({"--check-memory", "--dry-run"}).dry_run);
  CHECK(parse({"-h"}).help);
}

TEST_CASE("wrong options say what is wrong", "[options]") {
  CHECK_THAT(error({"--epoch", "3"}), Contains("--epochs?"));
  CHECK_THAT(error({"--sede=3"}), Contains("--seed?"));
  CHECK_THAT(error({"--frobnicate-everything"}), Contains("unknown") && !Contains("did you mean"));
  CHECK_THAT(error({"data"}), Contains("unknown"));
  CHECK_THAT(error({"--batch", "32"}), Contains("memory plan"));
  CHECK_THAT(error({"--epochs"}), Contains("needs a value"));
  for (const char* wrong : {"-1", "x", "3x", "", "99999999999999999999"}) CHECK_THAT(error({"--epochs", wrong}), Contains("whole number"));
  CHECK_THAT(error({"--sample", "0"}), Contains("at least 1"));
  for (const char* wrong : {"-1", "nan", "x"}) CHECK_THAT(error({"--sample", "5", "--temperature", wrong}), Contains("at least 0"));
  CHECK_THAT(error({"--prompt", "a"}), Contains("--sample"));
  for (const char* wrong : {"0", "-1", "nan", "inf", "x", "1x"}) CHECK_THAT(error({"--lr", wrong}), Contains("above 0"));
  CHECK_THAT(error({"--quiet=yes"}), Contains("takes no value"));
  CHECK_THAT(error({"--save="}), Contains("--save"));
  CHECK_THAT(error({"--epochs", "1", "--steps", "1"}), Contains("exclude"));
}

TEST_CASE("the help lists every option", "[options]") {
  netrt::ProgramSpec spec{};
  spec.network = "lenet";
  const std::string help = netrt::help_text(spec, "./lenet");
  for (const char* option : {"--epochs", "--steps", "--data", "--seed", "--lr", "--save", "--load", "--log", "--sample", "--temperature",
                             "--prompt", "--log-steps", "--check-memory[=FILE]",
                             "--dry-run", "--quiet", "--help"}) {
    CHECK_THAT(help, Contains(option));
  }
}
