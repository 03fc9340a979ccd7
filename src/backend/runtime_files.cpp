#include "backend/runtime_files.h"

#include <fmt/format.h>

#include <map>

#include "backend/embedded.h"
#include "support/check.h"

namespace netc {

namespace {

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }
bool is_source(std::string_view path) { return path.ends_with(".cpp") || path.ends_with(".cu"); }

/// "cpu/../kernels.h" -> "kernels.h".
std::string normal(std::string path) {
  for (size_t up = path.find("/../"); up != std::string::npos; up = path.find("/../")) {
    const size_t start = path.rfind('/', up - 1);
    path.erase(start == std::string::npos ? 0 : start + 1, up + 4 - (start == std::string::npos ? 0 : start + 1));
  }
  return path;
}

class Selection {
 public:
  Selection(const Plan& plan, const std::string& target) : target_(target) {
    for (const EmbeddedFile& file : embedded_runtime()) text_.emplace(file.path, file.text);
    for (const Schedule* schedule : {&plan.train, &plan.evaluate})
      for (const Call& call : schedule->calls) kernels_.emplace(call.kernel);
  }

  std::vector<FolderFile> run() {
    for (const auto& [path, text] : text_)
      if (is_source(path) && (starts_with(path, "train/") || path == target_ + "/device.cpp" || path == target_ + "/device.cu")) add(path);
    for (const std::string& kernel : kernels_) add(defining_file(kernel));
    for (const auto& [path, text] : text_)
      if (starts_with(path, target_ + "/cmake/")) add(path);
    std::vector<FolderFile> files;
    for (const std::string& path : chosen_) files.push_back({"runtime/" + path, std::string(text_.at(path))});
    return files;
  }

 private:
  std::string defining_file(const std::string& kernel) const {
    const std::string head = fmt::format("\nvoid {}(Context&", kernel);
    for (const auto& [path, text] : text_)
      if (is_source(path) && starts_with(path, target_ + "/") && text.find(head) != std::string_view::npos) return path;
    NETC_CHECK(false, ("the runtime does not define " + kernel).c_str());
  }

  /// A file, what it includes, and the sources that belong to headers it includes.
  void add(const std::string& path) {
    const auto found = text_.find(path);
    if (found == text_.end() || !chosen_.insert(path).second) return;
    const std::string_view text = found->second;
    for (size_t at = text.find("#include \""); at != std::string_view::npos; at = text.find("#include \"", at + 1)) {
      const size_t begin = at + 10, end = text.find('"', begin);
      const std::string name(text.substr(begin, end - begin));
      const size_t slash = path.rfind('/');
      const std::string beside = normal(slash == std::string::npos ? name : path.substr(0, slash + 1) + name);
      const std::string included = text_.contains(beside) ? beside : name;
      add(included);
      if (!included.ends_with(".h")) continue;
      const std::string stem = included.substr(0, included.size() - 2);
      for (const char* extension : {".cpp", ".cu"})
        if (const std::string source = stem + extension;
            text_.contains(source) && (starts_with(source, target_ + "/") || starts_with(source, "train/")))
          add(source);
    }
  }

  std::string target_;
  std::map<std::string, std::string_view> text_;
  std::set<std::string> kernels_, chosen_;
};

}  // namespace

std::vector<FolderFile> runtime_files(const Plan& plan, const std::string& target) { return Selection(plan, target).run(); }

}  // namespace netc
