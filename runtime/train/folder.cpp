// Pictures in one folder a class. With train/ and val/ (or test/) inside those are the splits; else every tenth file of a class is a test file.
#include <algorithm>
#include <filesystem>

#include "augment.h"
#include "decode.h"

namespace netrt {

namespace {

namespace fs = std::filesystem;

/// The entries of a folder that do not start with a dot, in order of their names: folders, or files.
std::vector<std::string> list(const fs::path& dir, bool folders) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name[0] != '.' && (folders ? it->is_directory(ignored) : it->is_regular_file(ignored))) names.push_back(name);
  }
  if (error) throw DataError(dir.string() + ": cannot be read: " + error.message() + "; --data DIR says where the data are");
  std::sort(names.begin(), names.end());
  return names;
}

bool is_picture(const std::string& name) {
  std::string ending = fs::path(name).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

class FolderSource : public Source {
 public:
  FolderSource(const std::string& dir, Split split, const DataSpec& spec) : channels_(spec.c) {
    if (channels_ != 1 && channels_ != 3) {
      throw DataError(dir + ": pictures have 1 (grey) or 3 (colour) channels, the network's input has " + std::to_string(channels_));
    }
    const fs::path root = dir;
    const fs::path train = root / "train", test = fs::is_directory(root / "val") ? root / "val" : root / "test";
    const bool divided = fs::is_directory(train) && fs::is_directory(test);
    const fs::path classes_in = divided ? train : root;
    class_names_ = list(classes_in, true);
    if (class_names_.empty()) throw DataError(classes_in.string() + ": empty: expected one folder a class, with JPEG or PNG files");
    read_files(divided && split == Split::test ? test : classes_in, divided, split);
    find_least_size(spec);
  }

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  int64_t classes() const override { return static_cast<int64_t>(class_names_.size()); }
  std::string name(int64_t index) const override { return files_[static_cast<size_t>(index)].path; }
  int32_t label(int64_t index) const override { return files_[static_cast<size_t>(index)].label; }
  void load(int64_t index, Image& image) const override { decode_image(name(index), channels_, least_height_, least_width_, image); }

 private:
  struct File {
    std::string path;
    int32_t label;
  };

  void read_files(const fs::path& dir, bool divided, Split split) {
    for (const std::string& found : list(dir, true)) {
      const auto known = std::lower_bound(class_names_.begin(), class_names_.end(), found);
      if (known == class_names_.end() || *known != found) throw DataError((dir / found).string() + ": a class that the training split does not have");
      int64_t position = 0;
      for (const std::string& file : list(dir / found, false)) {
        if (!is_picture(file)) continue;
        const bool for_test = position++ % 10 == 5;
        if (!divided && for_test != (split == Split::test)) continue;
        files_.push_back({(dir / found / file).string(), static_cast<int32_t>(known - class_names_.begin())});
      }
      if (position == 0) throw DataError((dir / found).string() + ": empty: expected JPEG or PNG files");
    }
    if (files_.empty()) {
      throw DataError(dir.string() + ": no " + (split == Split::test ? "test" : "training") +
                      " file: expected train/ and val/ (or test/) with one folder a class, or one folder a class with at least 6 files");
    }
  }

  /// How large a picture must be decoded for the first resize to lose nothing.
  void find_least_size(const DataSpec& spec) {
    for (const AugmentStep& step : make_augmentation(spec, true)) {
      if (step.kind != AugmentStep::resize) continue;
      least_height_ = step.height;
      least_width_ = step.width > 0 ? step.width : step.height;
      return;
    }
  }

  int64_t channels_;
  int64_t least_height_ = INT32_MAX, least_width_ = INT32_MAX;
  std::vector<std::string> class_names_;
  std::vector<File> files_;
};

}  // namespace

std::unique_ptr<Source> open_folder(const std::string& dir, Split split, const DataSpec& spec) {
  return std::make_unique<FolderSource>(dir, split, spec);
}

}  // namespace netrt
