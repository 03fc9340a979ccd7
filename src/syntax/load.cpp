// Reading the files of a compilation.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "support/utf8.h"
#include "syntax/parse.h"

namespace netc {
namespace {

/// Reports what is wrong with a file: at the statement that asks for it, or by its name alone.
void report(Diagnostics& diagnostics, std::string_view code, Location from, const std::string& message, const std::string& help) {
  diagnostics.error(code, from, message).help = help;
}

Location position_of(const std::string& text, size_t offset, int32_t source) {
  Location where{source, 1, 1, 1};
  for (size_t at = 0; at < offset;) {
    const CodePoint c = code_point(text, at);
    ++where.column;
    if (c.value == '\n') ++where.line, where.column = 1;
    at += static_cast<size_t>(c.bytes);
  }
  return where;
}

}  // namespace

int32_t open_source(Sources& sources, const std::string& path, Location from, Diagnostics& diagnostics) {
  for (size_t i = 0; i < sources.files.size(); ++i)
    if (sources.files[i].path == path) return static_cast<int32_t>(i);
  struct stat status;
  std::ifstream in(path, std::ios::binary);
  const int missing = errno;
  if (!in || stat(path.c_str(), &status) != 0) {
    report(diagnostics, "N0601", from, "cannot open `" + path + "`: " + std::strerror(missing),
           "check the path; `use` looks from the file it stands in");
    return -1;
  }
  if (!S_ISREG(status.st_mode)) {
    report(diagnostics, "N0601", from, "`" + path + "` is not a file", "name a .net file");
    return -1;
  }
  if (static_cast<size_t>(status.st_size) > kLargestFile) {
    report(diagnostics, "N0504", from, "`" + path + "` has " + std::to_string(status.st_size) + " bytes, the limit is 16 MiB",
           "split it with `use`, or write repeats as `n * block`");
    return -1;
  }
  std::ostringstream text;
  text << in.rdbuf();
  const auto source = static_cast<int32_t>(sources.files.size());
  sources.files.push_back({path, std::move(text).str()});
  std::string& content = sources.files.back().text;
  if (content.starts_with("\xEF\xBB\xBF")) content.erase(0, 3);
  const size_t bad = find_invalid_utf8(content);
  if (bad == std::string::npos) return source;
  const auto byte = static_cast<unsigned>(static_cast<unsigned char>(content[bad]));
  char hex[8];
  std::snprintf(hex, sizeof hex, "0x%02X", byte);
  diagnostics.error("N0105", position_of(content, bad, source), "the file is not UTF-8: byte " + std::string(hex)).help = "save it as UTF-8";
  return -1;
}

}  // namespace netc
