// The IDX format of MNIST and its family (yann.lecun.com/exdb/mnist): big-endian header, then bytes.
#include <algorithm>
#include <filesystem>

#include "data.h"

namespace netrt {

namespace {

constexpr uint32_t kImages = 0x00000803, kLabels = 0x00000801;

uint32_t big_endian(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 | static_cast<uint32_t>(p[2]) << 8 | p[3];
}

std::string find_file(const std::string& dir, const std::string& stem) {
  for (const char* ending : {"", ".gz"}) {
    const std::string file = (std::filesystem::path(dir) / (stem + ending)).string();
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file, ignored)) return file;
  }
  throw DataError("cannot find " + stem + " or " + stem + ".gz in \"" + dir + "\"; --data DIR says where the data are");
}

void check_magic(const std::string& file, uint32_t found, uint32_t expected) {
  if (found == expected) return;
  char text[80];
  std::snprintf(text, sizeof text, ": not an IDX file of the right kind: magic 0x%08x, expected 0x%08x", found, expected);
  throw DataError(file + text);
}

class IdxSource : public Source {
 public:
  IdxSource(const std::string& dir, Split split) {
    const std::string prefix = split == Split::train ? "train" : "t10k";
    read_images(find_file(dir, prefix + "-images-idx3-ubyte"));
    read_labels(find_file(dir, prefix + "-labels-idx1-ubyte"));
  }

  int64_t size() const override { return count_; }
  int64_t classes() const override { return classes_; }
  Image shape() const override { return {h_, w_, 1, {}}; }
  std::string name(int64_t) const override { return file_; }
  int32_t label(int64_t index) const override { return labels_[static_cast<size_t>(8 + index)]; }

  void load(int64_t index, Image& image) const override {
    image.h = h_;
    image.w = w_;
    image.c = 1;
    image.pixels.resize(static_cast<size_t>(h_ * w_));
    bytes_to_floats(images_.data() + 16 + index * h_ * w_, h_ * w_, image.pixels.data());
  }

 private:
  void read_images(const std::string& file) {
    file_ = file;
    const std::vector<uint8_t> header = read_start(file, 16, "an IDX header: magic, count, height, width");
    check_magic(file, big_endian(header.data()), kImages);
    count_ = big_endian(header.data() + 4);
    h_ = big_endian(header.data() + 8);
    w_ = big_endian(header.data() + 12);
    const int64_t bytes = product({count_, h_, w_});
    const std::string what = std::to_string(count_) + " images of " + std::to_string(h_) + "x" + std::to_string(w_);
    if (count_ == 0 || h_ == 0 || w_ == 0 || bytes < 0 || bytes > INT64_MAX - 16) throw DataError(file + ": its header promises " + what);
    images_ = read_exactly(file, 16 + bytes, "16 of header and " + what);
  }

  void read_labels(const std::string& file) {
    const std::vector<uint8_t> header = read_start(file, 8, "an IDX header: magic, count");
    check_magic(file, big_endian(header.data()), kLabels);
    const int64_t count = big_endian(header.data() + 4);
    if (count != count_) {
      throw DataError(file + ": " + std::to_string(count) + " labels, but " + file_ + " has " + std::to_string(count_) + " images");
    }
    labels_ = read_exactly(file, 8 + count, "8 of header and " + std::to_string(count) + " labels");
    classes_ = 1 + *std::max_element(labels_.begin() + 8, labels_.end());
  }

  std::string file_;
  std::vector<uint8_t> images_, labels_;  ///< whole files, headers included
  int64_t count_ = 0, h_ = 0, w_ = 0, classes_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_idx(const std::string& dir, Split split) { return std::make_unique<IdxSource>(dir, split); }

}  // namespace netrt
