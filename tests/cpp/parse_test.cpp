// Text to tree and back.
#include <catch2/catch.hpp>
#include <filesystem>

#include "passes/evaluate.h"
#include "syntax/format.h"
#include "syntax/parse.h"

using namespace netc;

namespace {

std::string formatted(const std::string& text) {
  Sources sources;
  sources.files.push_back({"text.net", text});
  Diagnostics diagnostics;
  const ast::File file = parse(sources, 0, diagnostics);
  for (const Diagnostic& d : diagnostics.all()) UNSCOPED_INFO(d.code << " " << d.message << " " << d.where.line << ":" << d.where.column);
  CHECK_FALSE(diagnostics.has_errors());
  return format(file);
}

/// The value of an expression, with a=7, k=3 and a current tensor of 4x6x10.
Number value(const std::string& expression, Diagnostics& diagnostics) {
  Sources sources;
  sources.files.push_back({"text.net", "let x=" + expression});
  const ast::File file = parse(sources, 0, diagnostics);
  Scope scope;
  scope.names = {{"a", Number::of(7)}, {"k", Number::of(3)}};
  const Shape shape{4, 6, 10};
  if (diagnostics.has_errors()) return {};
  return evaluate(*std::get<ast::Let>(file.statements[0].body).bindings[0].value, {scope, &shape, false, diagnostics});
}

std::string value_text(const std::string& expression) {
  Diagnostics diagnostics;
  const Number number = value(expression, diagnostics);
  return diagnostics.has_errors() ? diagnostics.all()[0].code : number.text();
}

}  // namespace

TEST_CASE("parse: format writes every form of statement", "[parse]") {
  const std::string canonical =
      "net everything\n"
      "use \"blocks \\\"x\\\".net\"\n"
      "let L=12 C=4*(L + 1)\n"
      "input 50x50x3 from folder \"data\" {\n  crop 32 pad 4\n  flip\n}\n"
      "def res c s=1 {\n  add {\n    conv c kxk/s pad=1,2\n    bn eps 0.0001\n  } {\n    if s > 1 or in.c != c {\n      none\n    }\n  }\n}\n"
      "e1: 3 * (L - 1) * res 4C s=2\n"
      "concat {\n  e1\n} {}\n"
      "for c n in (64 2) (2*C L%5) {\n  n * conv c 3x3/2x1 same\n}\n"
      "if not L == 12 and C > 3 {\n  relu\n} else if L%2 == 0 {\n  tanh\n} else {}\n"
      "slice 0..in.c/2\n"
      "seed 42\n"
      "init normal 0.02\n"
      "loss softmax smooth 0.1\n"
      "train {\n  sgd 0.1 decay 0.0001 on weights\n  batch 4x64\n}\n";
  // `%` is written with spaces, which a row or an argument cannot have unless in parentheses.
  std::string expected = canonical;
  for (size_t at; (at = expected.find("L%")) != std::string::npos;) expected.replace(at, 2, "L % ");
  CHECK(formatted(canonical) == expected);
}

TEST_CASE("parse: a formatted file is read back as itself", "[parse]") {
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(std::filesystem::path(NETC_SOURCE_DIR) / "examples")) {
    if (entry.path().extension() != ".net") continue;
    INFO(entry.path());
    Sources sources;
    Diagnostics diagnostics;
    REQUIRE(open_source(sources, entry.path().string(), {}, diagnostics) == 0);
    const std::string once = formatted(sources.files[0].text);
    CHECK(formatted(once) == once);
    ++files;
  }
  CHECK(files >= 10);
}

TEST_CASE("parse: newlines, separators and braces", "[parse]") {
  CHECK(formatted("\r\n;;\r\nrelu;;tanh ; # c\r\n\r\n;bn") == "relu\ntanh\nbn\n");
  CHECK(formatted("add { relu }\n\n  # between\n  {}\nif 1 { relu }\nelse { tanh }") == "add {\n  relu\n} {}\nif 1 {\n  relu\n} else {\n  tanh\n}\n");
  CHECK(formatted("2 * {; relu;\n }") == "2 * {\n  relu\n}\n");
  CHECK(formatted("elsewhere: relu") == "elsewhere: relu\n");
}

TEST_CASE("parse: kernels are read before names, and ordinary words are no kernels", "[parse]") {
  CHECK(formatted("conv 4c 1x1/s; up 8 kx3; pool 3xk/2x1; conv n k1xk2; x HxW; x TxC; x 1x2x3") ==
        "conv 4c 1x1/s\nup 8 kx3\npool 3xk/2x1\nconv n k1xk2\nx HxW\nx TxC\nx 1x2x3\n");
  CHECK(formatted("max; text; exp; axe; conv1x1; box 4exp") == "max\ntext\nexp\naxe\nconv1x1\nbox 4exp\n");
  CHECK(formatted("a 1e-4 1e4 .5 2.5E+3 4c 0..16") == "a 0.0001 10000.0 0.5 2500.0 4c 0..16\n");
  CHECK(formatted("conv in.c/2 1x1 nobias; fc 4in.c; conv t*in.c 3x3/(s + 1)") == "conv in.c/2 1x1 nobias\nfc 4in.c\nconv t*in.c 3x3/(s + 1)\n");
  CHECK(formatted("scale init 1e-6") == "scale init 1e-06\n");
}

TEST_CASE("parse: locations count code points", "[parse]") {
  Sources sources;
  sources.files.push_back({"text.net", "input 8x8x3 from folder \"d\xC3\xA9j\xC3\xA0\" { flip }; conv 4 3x3/2\n  relu"});
  Diagnostics diagnostics;
  const ast::File file = parse(sources, 0, diagnostics);
  REQUIRE(file.statements.size() == 3);
  CHECK(std::get<ast::Input>(file.statements[0].body).path->text == "d\xC3\xA9j\xC3\xA0");
  const auto& conv = std::get<ast::Action>(file.statements[1].body).layer;
  CHECK(conv.verb.text == "conv");
  CHECK(conv.verb.where.column == 42);
  CHECK(conv.items[1].where.column == 49);
  CHECK(conv.items[1].where.length == 5);
  CHECK(file.statements[2].where.line == 2);
  CHECK(file.statements[2].where.column == 3);
}

TEST_CASE("expressions: values", "[parse]") {
  const std::pair<const char*, const char*> table[] = {
      {"1+2*3", "7"},
      {"(1+2)*3", "9"},
      {"7-2-1", "4"},
      {"24/4/2", "3"},
      {"-a+1", "-6"},
      {"--a", "7"},
      {"4a", "28"},
      {"2a*k", "42"},
      {"a%k", "1"},
      {"in.h*100+in.w*10+in.c", "470"},
      {"4in.c", "40"},
      {"a/2.0", "3.5"},
      {"0.5*in.c", "5"},
      {"a > k", "1"},
      {"a > k and k > a", "0"},
      {"a < k or not k == 3", "0"},
      {"not not a", "1"},
      {"not a == 7", "0"},
      {"1 or 1/0", "1"},
      {"0 and nothing", "0"},
      {"1/2", "0.5"},
      {"2+3 == 5", "1"},
      {"1e3", "1000"},
      {"9223372036854775807+1", "N0502"},
      {"3037000500*3037000500", "N0502"},
      {"a/0", "N0217"},
      {"a%0", "N0217"},
      {"a < k < 9", "N0108"},
      {"b", "N0202"},
      {"in.t", "N0215"},
      {"in.x", "N0215"},
      {"a % 2.5", "N0208"},
      {"1 + not 2", "N0108"},
  };
  for (const auto& [text, expected] : table) {
    INFO(text);
    CHECK(value_text(text) == expected);
  }
}

TEST_CASE("expressions: whole numbers name the division that left a remainder", "[parse]") {
  Diagnostics diagnostics;
  const Number number = value("(a/2)*2 + 1", diagnostics);
  REQUIRE_FALSE(diagnostics.has_errors());
  CHECK_FALSE(whole_number(number, {}, "`fc`", diagnostics));
  REQUIRE(diagnostics.all().size() == 1);
  CHECK(diagnostics.all()[0].code == "N0306");
  CHECK(diagnostics.all()[0].message == "7 divided by 2 leaves a remainder of 1");
  CHECK(diagnostics.all()[0].where.column == 8);
  Diagnostics fine;
  CHECK(whole_number(value("0.5*in.c", fine), {}, "`fc`", fine) == 5);
  CHECK_FALSE(whole_number(Number::of((int64_t{1} << 53) + 2), {}, "`fc`", fine));
  CHECK(fine.all()[0].code == "N0502");
}
