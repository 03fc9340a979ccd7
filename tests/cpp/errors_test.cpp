// Wrong input: each tests/errors/NAME.net and the diagnostics it must give, in NAME.expected. NETC_UPDATE=1 rewrites those. The first line of
// a file may give options: `# netc --train --set C=3 --batch 8`.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "diag/codes.h"
#include "diag/render.h"
#include "passes/resolve.h"
#include "syntax/parse.h"

using namespace netc;
namespace fs = std::filesystem;

namespace {

const fs::path kFolder = fs::path(NETC_SOURCE_DIR) / "tests" / "errors";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string without(std::string text, const std::string& part) {
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) text.erase(at, part.size());
  return text;
}

ResolveOptions options_of(const std::string& text) {
  ResolveOptions options;
  std::istringstream words(text.starts_with("# netc ") ? text.substr(7, text.find('\n') - 7) : "");
  for (std::string word; words >> word;) {
    if (word == "--train") options.needs_loss = true;
    if (word == "--batch") words >> word, options.batch = std::stoll(word);
    if (word == "--set") {
      words >> word;
      const size_t equals = word.find('=');
      options.sets[word.substr(0, equals)] = std::stod(word.substr(equals + 1));
    }
  }
  return options;
}

struct Run {
  Sources sources;
  Diagnostics diagnostics;
  bool resolved = false;

  bool gives(std::string_view code) const {
    return std::ranges::any_of(diagnostics.all(), [code](const Diagnostic& d) { return d.code == code; });
  }
};

Run run_file(const fs::path& path) {
  Run run;
  const int32_t source = open_source(run.sources, path.string(), {}, run.diagnostics);
  if (source < 0) return run;
  const ast::File file = parse(run.sources, source, run.diagnostics);
  run.resolved = resolve(file, options_of(read(path)), run.sources, run.diagnostics).has_value();
  return run;
}

Run run_text(std::string text) {
  Run run;
  run.sources.files.push_back({"text.net", std::move(text)});
  const ast::File file = parse(run.sources, 0, run.diagnostics);
  run.resolved = resolve(file, {}, run.sources, run.diagnostics).has_value();
  return run;
}

std::string times(int n, const std::string& text) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

/// A file of tests/errors after its run.
struct Case {
  fs::path path;
  std::string text;  ///< the diagnostics, with paths relative to the folder
  std::set<std::string> codes;
  bool resolved, wrong;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> list;
    for (const auto& entry : fs::directory_iterator(kFolder)) {
      if (entry.path().extension() != ".net") continue;
      const Run run = run_file(entry.path());
      Case each{
          entry.path(), without(render(run.diagnostics, run.sources, false), kFolder.string() + "/"), {}, run.resolved, run.diagnostics.has_errors()};
      for (const Diagnostic& d : run.diagnostics.all()) each.codes.insert(d.code);
      list.push_back(std::move(each));
    }
    return list;
  }();
  return all;
}

/// Inputs too large to keep as files, and the code each must give.
std::vector<std::pair<std::string, std::string>> generated() {
  return {
      {"N0501", "input 8x8x3\n" + times(300, "2 * { ") + "relu" + times(300, " }")},
      {"N0501", "input 8x8x3\nfc " + times(5000, "(") + "1" + times(5000, ")")},
      {"N0501", times(100'000, "add {")},
      {"N0501", "input 8x8x3\nlet n=1\n" + times(1, "def f0 { relu }\n") +
                    [] {
                      std::string defs;
                      for (int i = 1; i < 400; ++i) defs += "def f" + std::to_string(i) + " { f" + std::to_string(i - 1) + " }\n";
                      return defs;
                    }() +
                    "f399\n"},
      {"N0503", "input 8x8x3\n" + times(20, "for a in " + times(100, "(1) ") + "{ ") + "relu" + times(20, " }")},
      {"N0505", "relu )" + times(2'500'000, " a")},
  };
}

}  // namespace

TEST_CASE("errors: every file gives exactly the diagnostics beside it", "[errors]") {
  const bool update = std::getenv("NETC_UPDATE") != nullptr;
  for (const Case& each : cases()) {
    INFO(each.path.filename().string());
    const fs::path expected = fs::path(each.path).replace_extension(".expected");
    if (update) std::ofstream(expected, std::ios::binary) << each.text;
    CHECK(each.text == read(expected));
    CHECK(each.resolved == !each.wrong);
  }
}

TEST_CASE("errors: limits hold and never crash", "[errors]") {
  for (const auto& [code, text] : generated()) {
    INFO(code << " " << text.substr(0, 60));
    const Run run = run_text(text);
    CHECK(run.gives(code));
    CHECK_FALSE(run.resolved);
  }
}

TEST_CASE("errors: a file that is too large is not read", "[errors]") {
  const fs::path path = fs::temp_directory_path() / "netc_errors_test_large.net";
  std::ofstream(path) << std::string(kLargestFile + 1, '#');
  Run run;
  CHECK(open_source(run.sources, path.string(), {}, run.diagnostics) == -1);
  CHECK(run.gives("N0504"));
  fs::remove(path);
}

TEST_CASE("errors: every code of the table is provoked, and every code given is in it", "[errors]") {
  std::set<std::string> seen{"N0504"};
  for (const auto& [code, text] : generated()) seen.insert(code);
  for (const Case& each : cases()) seen.insert(each.codes.begin(), each.codes.end());
  std::set<std::string> known;
  for (const CodeInfo& info : all_codes()) {
    known.insert(std::string(info.code));
    CHECK_FALSE(info.explanation.empty());
    CHECK(explain_code(info.code).find(info.title) != std::string::npos);
  }
  for (const std::string& code : known) CHECK((seen.contains(code) ? code : code + " is never given") == code);
  for (const std::string& code : seen) CHECK((known.contains(code) ? code : code + " is not in the table") == code);
}

TEST_CASE("errors: junk of every kind gives diagnostics, not crashes", "[errors]") {
  const std::string pieces[] = {"{",      "}",     "(",    ")",    ";",   "\n",    "add ",   "conv ", "3x3",      "/",
                                "2",      "4c",    "in.",  "in.c", "=",   "==",    "not ",   "-",     "*",        "let ",
                                "def ",   "f ",    "for ", "in ",  "if ", "else ", "input ", "8x8x3", "loss ",    "softmax ",
                                "train ", "none ", "\"",   "0..3", ",",   ":",     "use ",   "#",     "\xC3\xA9", "1e9"};
  uint64_t state = 1;
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 == 0 ? "input 8x8x3\n" : "";
    for (int n = 0; n < 30; ++n) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text += pieces[(state >> 33) % std::size(pieces)];
    }
    INFO(text);
    const Run run = run_text(text);
    CHECK(run.resolved == !run.diagnostics.has_errors());
    CHECK_FALSE(render(run.diagnostics, run.sources, true).empty() != run.diagnostics.all().empty());
  }
}
