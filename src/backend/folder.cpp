#include "backend/folder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace netc {

namespace fs = std::filesystem;

namespace {

constexpr const char* kManifest = ".netc-manifest";

/// FNV-1a: only to notice that a file is not what netc wrote.
std::string fingerprint(const std::string& text) {
  uint64_t hash = 1469598103934665603ull;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return fmt::format("{:016x}", hash);
}

std::string read_all(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::map<std::string, std::string> read_manifest(const fs::path& folder) {
  std::map<std::string, std::string> known;
  std::ifstream in(folder / kManifest);
  std::string hash, path;
  while (in >> hash && std::getline(in >> std::ws, path)) known[path] = hash;
  return known;
}

std::string manifest_text(const std::vector<FolderFile>& files) {
  std::string text;
  for (const FolderFile& file : files) text += fmt::format("{} {}\n", fingerprint(file.text), file.path);
  return text;
}

std::string write_into(const fs::path& folder, const std::vector<FolderFile>& files) {
  std::error_code error;
  for (const FolderFile& file : files) {
    const fs::path path = folder / file.path;
    fs::create_directories(path.parent_path(), error);
    const std::string wrong = write_file(path.string(), file.text);
    if (!wrong.empty()) return wrong;
  }
  return write_file((folder / kManifest).string(), manifest_text(files));
}

/// The first reason not to write over `folder`, or nothing.
std::string refusal(const fs::path& folder, const std::vector<FolderFile>& files, bool force) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return fmt::format("{} exists and is not a folder", folder.string());
  const bool empty = fs::is_empty(folder, error);
  if (error) return fmt::format("cannot read {}: {}", folder.string(), error.message());
  if (empty) return {};
  if (!fs::exists(folder / kManifest, error)) return fmt::format("{} exists and was not written by netc; it is left as it is", folder.string());
  if (force) return {};
  const auto known = read_manifest(folder);
  for (const auto& [path, hash] : known)
    if (fs::exists(folder / path, error) && fingerprint(read_all(folder / path)) != hash)
      return fmt::format("{} was edited after netc wrote it; nothing is overwritten (--force does)", (folder / path).string());
  for (const FolderFile& file : files)
    if (!known.contains(file.path) && fs::exists(folder / file.path, error))
      return fmt::format("{} exists and was not written by netc; nothing is overwritten (--force does)", (folder / file.path).string());
  return {};
}

std::string write_new(const fs::path& folder, const std::vector<FolderFile>& files) {
  std::error_code error;
  fs::path absolute = fs::absolute(folder, error).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  const fs::path staged = absolute.parent_path() / fmt::format(".{}.{}", absolute.filename().string(), getpid());
  fs::create_directories(staged, error);
  if (error) return fmt::format("cannot create {}: {}", staged.string(), error.message());
  std::string wrong = write_into(staged, files);
  if (wrong.empty()) {
    fs::rename(staged, absolute, error);  // also onto an empty folder
    if (error) wrong = fmt::format("cannot create {}: {}", absolute.string(), error.message());
  }
  if (!wrong.empty()) fs::remove_all(staged, error);
  return wrong;
}

}  // namespace

std::string write_file(const std::string& path, const std::string& text) {
  const std::string staged = fmt::format("{}.{}.new", path, getpid());
  std::FILE* file = std::fopen(staged.c_str(), "wb");
  if (!file) return fmt::format("cannot write {}", path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  std::error_code error;
  if (written && closed) fs::rename(staged, path, error);
  if (written && closed && !error) return {};
  fs::remove(staged, error);
  return fmt::format("cannot write {}", path);
}

std::string write_marked_file(const std::string& path, const std::string& mark, const std::string& text, bool force) {
  std::error_code error;
  if (fs::exists(path, error)) {
    const std::string old = read_all(path);
    const size_t end = old.find('\n');
    if (!fs::is_regular_file(path, error) || !old.starts_with(mark) || end == std::string::npos)
      return fmt::format("{} exists and was not written by netc; it is left as it is", path);
    if (!force && old.substr(0, end) != fmt::format("{} {}", mark, fingerprint(old.substr(end + 1))))
      return fmt::format("{} was edited after netc wrote it; nothing is overwritten (--force does)", path);
  }
  return write_file(path, fmt::format("{} {}\n{}", mark, fingerprint(text), text));
}

std::string write_folder(const std::string& folder, const std::vector<FolderFile>& files, bool force) {
  std::error_code error;
  const fs::path path(folder);
  if (!fs::exists(path, error)) return write_new(path, files);
  const std::string refused = refusal(path, files, force);
  if (!refused.empty()) return refused;
  if (fs::is_empty(path, error)) return write_new(path, files);
  const auto known = read_manifest(path);
  const std::string wrong = write_into(path, files);
  if (!wrong.empty()) return wrong;
  // What an earlier version needed and this one does not.
  std::map<std::string, std::string> now;
  for (const FolderFile& file : files) now[file.path] = {};
  for (const auto& [old, hash] : known)
    if (!now.contains(old)) fs::remove(path / old, error);
  return {};
}

}  // namespace netc
