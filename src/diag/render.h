// Diagnostics as text for people and as JSON for tools.
#pragma once

#include <string>
#include <string_view>

#include "diag/diagnostic.h"

namespace netc {

/// One diagnostic as docs/language.md, section 6, draws it, with a newline at its end. Escape sequences only if `colour`.
std::string render(const Diagnostic& diagnostic, const Sources& sources, bool colour);
/// All of them in the order of the file, errors and warnings first, notes last, an empty line between two.
std::string render(const Diagnostics& diagnostics, const Sources& sources, bool colour);
/// A JSON array: {"code","severity","message","file","line","column","length","label","notes":[{"text","file","line","column"}],"help"}.
std::string render_json(const Diagnostics& diagnostics, const Sources& sources);

/// "resnet.net:12"; empty for no place.
std::string place(const Location& where, const Sources& sources);
/// `text` with control and bidirectional characters, and bytes that are not UTF-8, replaced by U+FFFD: safe to print.
std::string printable(std::string_view text);

}  // namespace netc
