#include "diag/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <tuple>

#include "support/utf8.h"

namespace netc {
namespace {

constexpr size_t kTab = 4;       ///< columns a tab is drawn with
constexpr size_t kWindow = 120;  ///< columns of a source line that are shown

std::string_view severity_name(Severity severity) {
  constexpr std::string_view names[] = {"note", "warning", "error"};
  return names[static_cast<size_t>(severity)];
}

/// Terminal colours, or nothing.
struct Paint {
  bool on;
  std::string operator()(std::string_view escape, std::string_view text) const {
    return on ? fmt::format("\x1b[{}m{}\x1b[0m", escape, text) : std::string(text);
  }
  static std::string_view of(Severity severity) { return severity == Severity::error ? "1;31" : severity == Severity::warning ? "1;33" : "1;36"; }
};

/// Line `number` (from 1) of `text`, without its end.
std::string_view line_of(std::string_view text, int32_t number) {
  size_t start = 0;
  for (int32_t i = 1; i < number; ++i) {
    start = text.find('\n', start);
    if (start == std::string_view::npos) return {};
    ++start;
  }
  const size_t end = text.find('\n', start);
  std::string_view line = text.substr(start, end == std::string_view::npos ? end : end - start);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// A character of a source line as it is drawn.
struct Glyph {
  std::string text;
  size_t width;
};

std::vector<Glyph> glyphs_of(std::string_view line) {
  std::vector<Glyph> glyphs;
  for (size_t at = 0; at < line.size();) {
    const CodePoint c = code_point(line, at);
    if (c.value == '\t') {
      glyphs.push_back({std::string(kTab, ' '), kTab});
    } else if (!c.valid || is_hidden(c.value)) {
      glyphs.push_back({"\uFFFD", 1});
    } else {
      glyphs.push_back({std::string(line.substr(at, static_cast<size_t>(c.bytes))), static_cast<size_t>(column_width(c.value))});
    }
    at += static_cast<size_t>(c.bytes);
  }
  return glyphs;
}

/// The part of a source line that is drawn, and where the carets stand under it.
struct Excerpt {
  std::string text;
  size_t indent = 0, carets = 1;
};

Excerpt excerpt_of(std::string_view line, int32_t column, int32_t length) {
  const std::vector<Glyph> glyphs = glyphs_of(line);
  const size_t caret = std::min(static_cast<size_t>(std::max(column, 1)) - 1, glyphs.size());
  size_t first = 0, last = glyphs.size(), width = 0;
  for (const Glyph& glyph : glyphs) width += glyph.width;
  if (width > kWindow) {  // a window of characters, a third of it before the caret
    first = caret > kWindow / 3 ? caret - kWindow / 3 : 0;
    last = std::min(glyphs.size(), first + kWindow);
  }
  Excerpt excerpt;
  if (first > 0) excerpt.text = "...", excerpt.indent = 3;
  size_t under = 0;
  for (size_t i = first; i < last; ++i) {
    excerpt.text += glyphs[i].text;
    if (i < caret) excerpt.indent += glyphs[i].width;
    if (i >= caret && i < caret + static_cast<size_t>(std::max(length, 1))) under += glyphs[i].width;
  }
  if (last < glyphs.size()) excerpt.text += "...";
  excerpt.carets = std::max<size_t>(under, 1);
  return excerpt;
}

void draw_source(std::string& out, const Diagnostic& d, const Sources& sources, size_t gutter, const Paint& paint) {
  const SourceFile& file = sources.files[static_cast<size_t>(d.where.file)];
  const std::string bar = std::string(gutter + 1, ' ') + "|";
  fmt::format_to(std::back_inserter(out), "{}{} {}:{}:{}\n", std::string(gutter - 2, ' '), paint("1;34", "-->"), printable(file.path), d.where.line,
                 d.where.column);
  const std::string_view line = line_of(file.text, d.where.line);
  const Excerpt excerpt = excerpt_of(line, d.where.column, d.where.length);
  const std::string number = fmt::format("{:>{}} |", d.where.line, gutter);
  fmt::format_to(std::back_inserter(out), "{}{}{}\n", paint("1;34", number), excerpt.text.empty() ? "" : " ", excerpt.text);
  const std::string carets = std::string(excerpt.carets, '^') + (d.label.empty() ? "" : " " + printable(d.label));
  fmt::format_to(std::back_inserter(out), "{} {}{}\n", paint("1;34", bar), std::string(excerpt.indent, ' '), paint(Paint::of(d.severity), carets));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point(text, at);
    if (c.valid && !is_hidden(c.value) && c.value != '\n')
      out += text.substr(at, static_cast<size_t>(c.bytes));
    else
      out += "\uFFFD";
    at += static_cast<size_t>(c.bytes);
  }
  return out;
}

std::string place(const Location& where, const Sources& sources) {
  if (!where.valid()) return "";
  return fmt::format("{}:{}", sources.files[static_cast<size_t>(where.file)].path, where.line);
}

std::string render(const Diagnostic& d, const Sources& sources, bool colour) {
  const Paint paint{colour};
  const size_t gutter = std::max<size_t>(4, std::to_string(d.where.line).size());
  std::string out = paint(Paint::of(d.severity), fmt::format("{}[{}]", severity_name(d.severity), d.code));
  out += paint("1", ": " + printable(d.message)) + "\n";
  const bool placed = d.where.valid() && d.where.line > 0;
  if (placed) draw_source(out, d, sources, gutter, paint);
  if (d.where.valid() && !placed)
    out += std::string(gutter - 2, ' ') + "--> " + printable(sources.files[static_cast<size_t>(d.where.file)].path) + "\n";
  if (!placed && !d.label.empty()) fmt::format_to(std::back_inserter(out), "{}= {}\n", std::string(gutter - 1, ' '), printable(d.label));
  const std::string prefix = std::string(gutter - 1, ' ') + paint("1;34", "=");
  for (const Note& note : d.notes) {
    const std::string at = note.where.valid() ? " at " + place(note.where, sources) : "";
    out += fmt::format("{} note: {}{}\n", prefix, printable(note.text), printable(at));
  }
  if (!d.help.empty()) out += fmt::format("{} help: {}\n", prefix, printable(d.help));
  return out;
}

std::string render(const Diagnostics& diagnostics, const Sources& sources, bool colour) {
  std::vector<const Diagnostic*> order;
  for (const Diagnostic& d : diagnostics.all()) order.push_back(&d);
  std::ranges::stable_sort(
      order, {}, [](const Diagnostic* d) { return std::tuple(d->severity == Severity::note, d->where.file, d->where.line, d->where.column); });
  std::string out;
  for (const Diagnostic* d : order) out += (out.empty() ? "" : "\n") + render(*d, sources, colour);
  return out;
}

std::string render_json(const Diagnostics& diagnostics, const Sources& sources) {
  using nlohmann::ordered_json;
  const auto locate = [&](ordered_json& object, const Location& where) {
    if (!where.valid()) return;
    object["file"] = sources.files[static_cast<size_t>(where.file)].path;
    object["line"] = where.line;
    object["column"] = where.column;
    object["length"] = where.length;
  };
  ordered_json list = ordered_json::array();
  for (const Diagnostic& d : diagnostics.all()) {
    ordered_json object{{"code", d.code}, {"severity", severity_name(d.severity)}, {"message", d.message}};
    locate(object, d.where);
    object["label"] = d.label;
    object["notes"] = ordered_json::array();
    for (const Note& note : d.notes) {
      ordered_json item{{"text", note.text}};
      locate(item, note.where);
      object["notes"].push_back(item);
    }
    object["help"] = d.help;
    list.push_back(object);
  }
  return list.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace netc
