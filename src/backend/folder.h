// Writes an emitted folder whole or not at all, and never over what netc did not write.
#pragma once

#include <string>
#include <vector>

namespace netc {

struct FolderFile {
  std::string path;  ///< relative, '/' between parts
  std::string text;
};

/// Writes `files` into `folder`. A new folder appears in one rename. In one that netc wrote before, its own files are replaced and
/// everything else (a build folder, data) is left alone; a file of netc's that was edited since is not overwritten unless `force`.
/// Returns what went wrong as a sentence, empty on success.
std::string write_folder(const std::string& folder, const std::vector<FolderFile>& files, bool force);

/// Writes one file by way of a temporary one beside it. Returns what went wrong, empty on success.
std::string write_file(const std::string& path, const std::string& text);

/// Writes a file that stands alone: `mark` begins its first line, the rest of which is a fingerprint of what follows. A file that does not
/// begin so, or (unless `force`) was edited since, is left as it is. Returns what went wrong, empty on success.
std::string write_marked_file(const std::string& path, const std::string& mark, const std::string& text, bool force);

}  // namespace netc
