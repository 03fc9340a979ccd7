// The emitted program as text: deterministic, complete, and deaf to what a user's names and strings say.
#include <fmt/format.h>

#include <regex>
#include <set>
#include <sstream>

#include "backend/emit.h"
#include "backend/identifiers.h"
#include "compiled.h"

namespace netc {
namespace {

std::string program_of(const std::string& text) {
  const Compilation made = compile_text(text);
  const Plan plan = plan_of(*made.graph, cpu_target(), made.graph->train.batch);
  return program_text(*made.graph, plan, made.sources, {"netc --emit-cpu test.net", "/folder", "0"});
}

/// The kinds of a program's tokens, in order: what a compiler's parser sees, without spellings. Comments are nothing.
std::string token_kinds(const std::string& program) {
  static const std::regex token(R"re(//[^\n]*|"(?:[^"\\\n]|\\.)*"|[A-Za-z_][A-Za-z_0-9]*|[0-9][0-9a-fA-FxX.+\-uf]*|\s+|.)re");
  std::string kinds;
  for (std::sregex_iterator it(program.begin(), program.end(), token), end; it != end; ++it) {
    const std::string text = it->str();
    if (std::isspace(static_cast<unsigned char>(text[0])) || text.starts_with("//")) continue;
    if (text[0] == '"') kinds += 's';
    else if (std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '_') kinds += 'i';
    else if (std::isdigit(static_cast<unsigned char>(text[0]))) kinds += '0';
    else kinds += text[0];
  }
  return kinds;
}

std::string network(const std::string& net, const std::string& def, const std::string& label, const std::string& path) {
  return fmt::format("net {}\ninput 8x8x3 from folder \"{}\"\ndef {} c {{ conv c 3x3 pad; bn; relu }}\n{} 4\n{}: conv 4 3x3 pad\nrelu; add {{{}}} {{}}\n"
                     "fc 5\nloss softmax\ntrain {{ sgd 0.1; batch 2 }}\n", net, path, def, def, label, label);
}

}  // namespace

TEST_CASE("names and strings of a network never change the emitted program's tokens") {
  const std::string plain = token_kinds(program_of(network("plain", "block", "skip", "data")));
  // Keywords, types, macros, the program's own names, reserved names; strings with quotes, escapes, comments, line ends and trigraphs.
  for (const char* name : {"int", "class", "main", "NULL", "errno", "assert", "forward", "params", "arena", "_Reserved", "__x", "unix", "EOF", "float", "Context"}) {
    CAPTURE(name);
    CHECK(token_kinds(program_of(network(name, std::string("d_") + name, name, "data"))) == plain);
    CHECK(token_kinds(program_of(network("n", name, "skip", "data"))) == plain);
  }
  for (const char* path : {"a\\\\\\\"; system(\\\"x\\\"); //", "*/ evil /*", "??/", "caf\xc3\xa9", "%s%n", "\\\\"}) {
    CAPTURE(path);
    CHECK(token_kinds(program_of(network("n", "block", "skip", path))) == plain);
  }
}

TEST_CASE("text is escaped where it is written") {
  CHECK(string_literal("a\"b\\c\n\xc3\xa9??/") == R"("a\"b\\c\012\303\251\077\077/")");
  CHECK(comment_text("ends in \\") == "ends in \\.");
  CHECK(comment_text("two\nlines") == "two<0a>lines");
  Identifiers names;
  CHECK(names.make("block3.conv1") == "block3_conv1");
  CHECK(names.make("block3_conv1") == "block3_conv1_v2");
  CHECK(names.make("int") == "int_");
  CHECK(names.make("INT") == "int_v2");
  CHECK(names.make("3x") == "v3x");
  CHECK(float_literal(0.1) == "0.1f");
  CHECK(float_literal(1) == "1.0f");
}

TEST_CASE("the same network gives the same bytes") {
  const std::string text = network("twice", "block", "skip", "data");
  CHECK(program_of(text) == program_of(text));
}

TEST_CASE("an emitted folder holds every file its sources include") {
  for (const std::string target : {"cpu", "cuda"}) {
    const Compilation made = compile_file(example_file("simple_cnn"));
    const Plan plan = plan_of(*made.graph, target == "cpu" ? cpu_target() : cuda_target(0), 4);
    const auto files = emit_folder(*made.graph, plan, made.sources, {"netc", ".", "0"}, "{}");
    std::set<std::string> known;
    for (const FolderFile& file : files) known.insert(file.path);
    CHECK(known.contains("CMakeLists.txt"));
    CHECK(known.contains("plan.json"));
    CHECK(known.contains("README.md"));
    static const std::regex include("#include \"([^\"]+)\"");
    for (const FolderFile& file : files) {
      for (std::sregex_iterator it(file.text.begin(), file.text.end(), include), end; it != end; ++it) {
        const std::string name = (*it)[1].str();
        const std::filesystem::path beside = (std::filesystem::path(file.path).parent_path() / name).lexically_normal();
        const std::filesystem::path root = std::filesystem::path("runtime") / name;
        CAPTURE(file.path, name);
        CHECK((known.contains(beside.string()) || known.contains(root.string())));
      }
    }
  }
}

TEST_CASE("folders are written whole, and only over what netc wrote") {
  TemporaryFolder temporary;
  const std::string folder = (temporary.path() / "out").string();
  const std::vector<FolderFile> files = {{"a.txt", "one"}, {"sub/b.txt", "two"}};
  REQUIRE(write_folder(folder, files, false).empty());
  CHECK(std::filesystem::exists(folder + "/sub/b.txt"));
  // What the user put beside stays, and what an earlier version wrote and this one does not goes.
  std::ofstream(folder + "/mine.txt") << "mine";
  REQUIRE(write_folder(folder, {{"a.txt", "three"}}, false).empty());
  CHECK(std::filesystem::exists(folder + "/mine.txt"));
  CHECK_FALSE(std::filesystem::exists(folder + "/sub/b.txt"));
  // An edited file is not overwritten.
  std::ofstream(folder + "/a.txt") << "edited";
  CHECK(write_folder(folder, {{"a.txt", "four"}}, false).find("edited") != std::string::npos);
  CHECK(write_folder(folder, {{"a.txt", "four"}}, true).empty());
  // A folder of somebody else is left alone.
  const std::string other = (temporary.path() / "other").string();
  std::filesystem::create_directory(other);
  std::ofstream(other + "/precious") << "1";
  CHECK(write_folder(other, files, true).find("not written by netc") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(other + "/a.txt"));
}

}  // namespace netc
