#include "backend/identifiers.h"

#include <fmt/format.h>

#include <cctype>

namespace netc {

std::string Identifiers::make(std::string_view name) {
  std::string made;
  bool digit = false;
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && std::isalnum(byte);
    digit = digit || (byte < 0x80 && std::isdigit(byte));
    // Two underscores in a row are the implementation's.
    if (plain) made += static_cast<char>(std::tolower(byte));
    else if (!made.empty() && made.back() != '_') made += '_';
  }
  if (made.empty() || std::isdigit(static_cast<unsigned char>(made[0]))) made.insert(0, "v");
  if (!digit && made.back() != '_') made += '_';
  std::string unique = made;
  for (int i = 2; !taken_.insert(unique).second; ++i) unique = fmt::format("{}{}v{}", made, made.back() == '_' ? "" : "_", i);
  return unique;
}

std::string pascal_case(std::string_view identifier) {
  std::string made;
  bool upper = true;
  for (char c : identifier) {
    if (c == '_') {
      upper = true;
      continue;
    }
    made += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return made;
}

std::string string_literal(std::string_view text) {
  std::string made = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (made += '\\') += c;
    else if (byte < 0x20 || byte >= 0x7f || c == '?') made += fmt::format("\\{:03o}", byte);  // `?`: no trigraphs
    else made += c;
  }
  return made + '"';
}

std::string comment_text(std::string_view text) {
  std::string made;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) made += fmt::format("<{:02x}>", byte);
    else made += c;
  }
  while (!made.empty() && made.back() == ' ') made.pop_back();
  // A backslash at the end, or the trigraph for it, would swallow the next line.
  if (!made.empty() && (made.back() == '\\' || made.back() == '/')) made += '.';
  return made;
}

std::string float_literal(double value) {
  std::string text = fmt::format("{}", static_cast<float>(value));
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "f";
}

std::string double_literal(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace netc
