// Text to tree. parse*.cpp are the only files that see ANTLR.
#pragma once

#include <string>

#include "diag/diagnostic.h"
#include "syntax/ast.h"

namespace netc {

constexpr size_t kLargestFile = 16u << 20;  ///< bytes
constexpr size_t kDeepestNesting = 256;     ///< braces in braces, or parentheses in parentheses
constexpr size_t kMostTokens = 2'500'000;   ///< words, numbers and signs in one file; bounds the memory of the parser
constexpr size_t kMostSyntaxErrors = 100;   ///< after which the rest of a file is not read

/// Reads a file into `sources` and returns its index, or -1 after a diagnostic (missing, no file, too large, not UTF-8). `from` is the
/// statement that asks for it, or no place. A byte order mark is dropped. The same path is read once.
int32_t open_source(Sources& sources, const std::string& path, Location from, Diagnostics& diagnostics);

/// Parses sources.files[source] (valid UTF-8, at most kLargestFile bytes). Reports every mistake it finds; a statement with one
/// becomes ast::Broken, and the others are as if it were right. Time and memory are linear in the text.
ast::File parse(const Sources& sources, int32_t source, Diagnostics& diagnostics);

}  // namespace netc
