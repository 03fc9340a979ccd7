// Names of a .net in generated code: identifiers are made, never copied; text is escaped where it is written.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

namespace netc {

/// Makes identifiers that are valid in C++, no keyword and no macro, and unique within one scope.
class Identifiers {
 public:
  /// "block3.conv1" -> "block3_conv1". Lower case; a name without a digit gets a trailing underscore, which keeps it apart from
  /// keywords, types and macros; a name already given out gets a number.
  std::string make(std::string_view name);

 private:
  std::unordered_set<std::string> taken_;
};

/// "block3_conv1" -> "Block3Conv1".
std::string pascal_case(std::string_view identifier);
/// A C++ string literal, quotes included; bytes outside printable ASCII become octal escapes.
std::string string_literal(std::string_view text);
/// Text for the rest of a // comment: one line of printable ASCII that cannot continue onto the next line.
std::string comment_text(std::string_view text);
/// A float literal that reads back as the same float: "0.0005f".
std::string float_literal(double value);
/// A double literal that reads back as the same double.
std::string double_literal(double value);

}  // namespace netc
