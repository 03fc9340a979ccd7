// The table of diagnostic codes: what `netc --explain CODE` prints.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace netc {

/// Groups: N01 form, N02 names and arguments, N03 shapes, N04 input, loss and training, N05 limits, N06 files, N07 warnings,
/// N08 notes: what netc assumed or left out.
struct CodeInfo {
  std::string_view code;
  std::string_view title;        ///< one line, no full stop
  std::string_view explanation;  ///< sentences: why it is so and what to do
  std::string_view example;      ///< lines of a .net that provoke it, and the right ones; may be empty
};

/// Every code that netc gives, in order.
std::span<const CodeInfo> all_codes();
/// The entry of a code as text for people ("N0301", "n0301" and "301" are the same); empty for an unknown code.
std::string explain_code(std::string_view code);

}  // namespace netc
