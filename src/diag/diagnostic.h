// Diagnostics as data: what was seen, where, why and what may help. Rendering is in render.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace netc {

/// A stretch of one line of a source file. Lines and columns count from 1; columns count code points.
struct Location {
  int32_t file = -1;  ///< index into Sources; -1: no place (a command-line argument, say)
  int32_t line = 0;
  int32_t column = 0;
  int32_t length = 1;  ///< code points to underline

  bool valid() const { return file >= 0; }
};

enum class Severity { note, warning, error };

/// A further fact of a diagnostic; `where` may be invalid.
struct Note {
  std::string text;
  Location where;
};

struct Diagnostic {
  std::string code;  ///< "N0301"; see codes.h
  Severity severity = Severity::error;
  std::string message;  ///< one lowercase sentence without a full stop: what was seen
  Location where;
  std::string label;  ///< text beside the caret, may be empty
  std::vector<Note> notes;
  std::string help;  ///< the likely fix, may be empty
};

/// The files of one compilation, in the order they were opened. File 0 is the one on the command line.
struct SourceFile {
  std::string path;  ///< as shown to the user
  std::string text;
};

struct Sources {
  std::vector<SourceFile> files;
};

/// Collects diagnostics; never throws, never prints. What was said of a place before is not said again: bodies of defs
/// and loops are looked at many times. The references are good until the next call.
class Diagnostics {
 public:
  Diagnostic& error(std::string_view code, Location where, std::string message);
  Diagnostic& warning(std::string_view code, Location where, std::string message);
  /// A printed fact that is neither: "assumed: ...", a dropped row. Shown after the estimate.
  Diagnostic& note(std::string_view code, Location where, std::string message);

  bool has_errors() const { return errors_ > 0; }
  int errors() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return list_; }
  /// Adds `note` to the errors from number `first` of all() on that have no note yet: where their `def` was called.
  void explain_since(size_t first, const Note& note);

 private:
  Diagnostic& add(Severity severity, std::string_view code, Location where, std::string message);

  std::vector<Diagnostic> list_;
  std::unordered_set<uint64_t> seen_;  ///< fingerprints of list_
  Diagnostic repeated_;                ///< what a repetition is written to
  int errors_ = 0;
};

}  // namespace netc
