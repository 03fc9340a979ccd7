// CIFAR-10, binary version (cs.toronto.edu/~kriz/cifar.html): records of one label byte and 32x32 planes of red, green and blue.
#include <filesystem>

#include "data.h"

namespace netrt {

namespace {

constexpr int64_t kSide = 32, kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane, kPerFile = 10000;

class Cifar10Source : public Source {
 public:
  Cifar10Source(const std::string& dir, Split split) {
    if (split == Split::test) {
      read_batch(dir, "test_batch.bin");
    } else {
      for (int i = 1; i <= 5; ++i) read_batch(dir, "data_batch_" + std::to_string(i) + ".bin");
    }
  }

  int64_t size() const override { return static_cast<int64_t>(files_.size()) * kPerFile; }
  int64_t classes() const override { return 10; }
  Image shape() const override { return {kSide, kSide, 3, {}}; }
  std::string name(int64_t index) const override { return files_[static_cast<size_t>(index / kPerFile)]; }
  int32_t label(int64_t index) const override { return record(index)[0]; }

  void load(int64_t index, Image& image) const override {
    image.h = image.w = kSide;
    image.c = 3;
    image.pixels.resize(3 * kPlane);
    const uint8_t* planes = record(index) + 1;
    for (int64_t i = 0; i < kPlane; ++i) {
      for (int64_t c = 0; c < 3; ++c) image.pixels[static_cast<size_t>(3 * i + c)] = static_cast<float>(planes[c * kPlane + i]) / 255.0f;
    }
  }

 private:
  const uint8_t* record(int64_t index) const {
    return batches_[static_cast<size_t>(index / kPerFile)].data() + (index % kPerFile) * kRecord;
  }

  void read_batch(const std::string& dir, const std::string& name) {
    const std::string file = (std::filesystem::path(dir) / name).string();
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored)) {
      throw DataError("cannot find " + name + " in \"" + dir + "\"; --data DIR says where the data (CIFAR-10, binary version) are");
    }
    batches_.push_back(read_exactly(file, kPerFile * kRecord, "10000 records of a label and 32x32x3 bytes"));
    files_.push_back(file);
    for (int64_t i = 0; i < kPerFile; ++i) {
      const int label = batches_.back()[static_cast<size_t>(i * kRecord)];
      if (label > 9) throw DataError(file + ": label " + std::to_string(label) + " of record " + std::to_string(i) + " is not in 0..9");
    }
  }

  std::vector<std::vector<uint8_t>> batches_;
  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<Source> open_cifar10(const std::string& dir, Split split) { return std::make_unique<Cifar10Source>(dir, split); }

}  // namespace netrt
