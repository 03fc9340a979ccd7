// Reading UTF-8.
#pragma once

#include <cstdint>
#include <string_view>

namespace netc {

struct CodePoint {
  char32_t value = 0xFFFD;
  int bytes = 1;      ///< of the text it takes
  bool valid = false; ///< false: not UTF-8 (overlong forms and surrogates included); one byte is skipped
};

/// The code point that starts at `text[at]`; `at` must be inside.
CodePoint code_point(std::string_view text, size_t at);
/// Offset of the first byte that is not UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);
/// C0 and C1 controls (but for tab and newline), line separators, and the marks that reorder or hide text on a screen.
bool is_hidden(char32_t c);
/// Columns of a terminal: 0 for combining marks, 2 for wide East Asian characters and pictographs, else 1.
int column_width(char32_t c);

}  // namespace netc
