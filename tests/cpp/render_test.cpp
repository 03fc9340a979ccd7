// Diagnostics as text and as JSON.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "diag/codes.h"
#include "diag/render.h"
#include "support/utf8.h"

using namespace netc;

namespace {

/// The diagnostic "seen" at `column` of a file of one line, without its first two lines.
std::string excerpt(const std::string& line, int32_t column, int32_t length) {
  Sources sources;
  sources.files.push_back({"a.net", "first\n" + line});
  Diagnostics diagnostics;
  diagnostics.error("N0101", {0, 2, column, length}, "seen");
  const std::string text = render(diagnostics, sources, false);
  return text.substr(text.find(":\n") == std::string::npos ? text.find("   2 |") : 0);
}

}  // namespace

TEST_CASE("render: tabs, wide characters and line ends keep the caret in place", "[render]") {
  CHECK(excerpt("\tconv 3", 2, 4) == "   2 |     conv 3\n     |     ^^^^\n");
  CHECK(excerpt("# \xC3\xA9\xC3\xA0 x", 6, 1) == "   2 | # \xC3\xA9\xC3\xA0 x\n     |      ^\n");
  CHECK(excerpt("# \xE6\xBC\xA2 x", 5, 1) == "   2 | # \xE6\xBC\xA2 x\n     |      ^\n");
  CHECK(excerpt("relu\r\nnext", 1, 4) == "   2 | relu\n     | ^^^^\n");
  CHECK(excerpt("relu", 5, 1) == "   2 | relu\n     |     ^\n");
  CHECK(excerpt("", 1, 1) == "   2 |\n     | ^\n");
  CHECK(excerpt("a\xE2\x80\xAE\x01z", 4, 1) == "   2 | a\xEF\xBF\xBD\xEF\xBF\xBDz\n     |    ^\n");
}

TEST_CASE("render: a long line is shown around the caret", "[render]") {
  const std::string text = excerpt(std::string(5000, 'a') + "HERE" + std::string(5000, 'b'), 5001, 4);
  CHECK(text.size() < 350);
  const size_t here = text.find("HERE"), caret = text.find("^^^^");
  REQUIRE(here != std::string::npos);
  REQUIRE(caret != std::string::npos);
  CHECK(here == caret - text.find('\n') - 1);
}

TEST_CASE("render: long line numbers widen the gutter", "[render]") {
  Sources sources;
  sources.files.push_back({"a.net", std::string(123455, '\n') + "relu"});
  Diagnostics diagnostics;
  diagnostics.warning("N0702", {0, 123456, 1, 4}, "seen").notes.push_back({"also", {0, 1, 1, 1}});
  CHECK(render(diagnostics, sources, false) ==
        "warning[N0702]: seen\n    --> a.net:123456:1\n123456 | relu\n       | ^^^^\n     = note: also at a.net:1\n");
}

TEST_CASE("render: colour only where it is asked for, and no text of a file reaches the terminal raw", "[render]") {
  Sources sources;
  sources.files.push_back({"a\x1b[31m.net", "\x1b[31mrelu"});
  Diagnostics diagnostics;
  diagnostics.error("N0101", {0, 1, 1, 1}, "seen \x1b[31m").help = "\x1b[31m";
  CHECK(render(diagnostics, sources, false).find('\x1b') == std::string::npos);
  const std::string coloured = render(diagnostics, sources, true);
  CHECK(coloured.find("\x1b[1;31m") != std::string::npos);
  CHECK(coloured.find("\x1b[31m") == std::string::npos);
}

TEST_CASE("render: JSON", "[render]") {
  Sources sources;
  sources.files.push_back({"a.net", "relu"});
  Diagnostics diagnostics;
  Diagnostic& error = diagnostics.error("N0101", {0, 1, 2, 3}, "seen \"\xFF");
  error.notes.push_back({"first", {0, 1, 1, 1}});
  error.help = "advice";
  diagnostics.note("N0803", {}, "assumed");
  const auto json = nlohmann::json::parse(render_json(diagnostics, sources));
  REQUIRE(json.size() == 2);
  CHECK(json[0]["code"] == "N0101");
  CHECK(json[0]["severity"] == "error");
  CHECK(json[0]["file"] == "a.net");
  CHECK(json[0]["column"] == 2);
  CHECK(json[0]["length"] == 3);
  CHECK(json[0]["notes"][0]["line"] == 1);
  CHECK(json[0]["help"] == "advice");
  CHECK_FALSE(json[1].contains("file"));
}

TEST_CASE("diagnostics: one place is told once", "[render]") {
  Diagnostics diagnostics;
  diagnostics.error("N0202", {0, 1, 1, 1}, "a");
  diagnostics.error("N0202", {0, 1, 1, 1}, "another size, the same place");
  diagnostics.error("N0202", {0, 1, 2, 1}, "a");
  diagnostics.note("N0801", {0, 1, 1, 1}, "drops 1 row");
  diagnostics.note("N0801", {0, 1, 1, 1}, "drops 1 row");
  diagnostics.note("N0801", {0, 1, 1, 1}, "drops 2 rows");
  CHECK(diagnostics.errors() == 2);
  CHECK(diagnostics.all().size() == 4);
}

TEST_CASE("codes: explained under every spelling", "[render]") {
  CHECK(explain_code("n0301") == explain_code("N0301"));
  CHECK(explain_code("301") == explain_code("N0301"));
  CHECK(explain_code("N9999").empty());
  CHECK(explain_code("").empty());
}

TEST_CASE("utf8: what is valid and what is hidden", "[render]") {
  CHECK(find_invalid_utf8("plain \xC3\xA9 \xF0\x9F\x98\x80") == std::string_view::npos);
  for (const char* bad : {"\xFF", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xC3(", "\xF0\x9F\x98"}) {
    INFO(static_cast<int>(static_cast<unsigned char>(bad[0])));
    CHECK(find_invalid_utf8(std::string("ok") + bad) == 2);
  }
  CHECK(is_hidden(0x202E));
  CHECK(is_hidden(0x200B));
  CHECK(is_hidden(0x7F));
  CHECK_FALSE(is_hidden('\t'));
  CHECK_FALSE(is_hidden(0xE9));
}
