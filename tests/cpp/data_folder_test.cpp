// Folders of pictures: splits, decoding, resizing, and pictures that are not right.
#include <catch2/catch.hpp>

#include <random>

#include "data_samples.h"

using namespace samples;
using Catch::Matchers::Contains;
using netrt::open_dataset;
using netrt::Split;

namespace {

/// Two classes, `count` pictures each: red JPEGs in "a", grey and blue PNGs in "b".
void write_pictures(const std::string& dir, int count) {
  for (int i = 0; i < count; ++i) {
    write_jpeg(dir + "/a/" + std::to_string(i) + ".jpg", 16 + static_cast<unsigned>(i), 24, 200, 30, 30);
    write_png(dir + "/b/" + std::to_string(i) + ".PNG", 8, 8, i % 2 == 0, 51, 51, 255);
  }
}

}  // namespace

TEST_CASE("folder: classes are folders in order of name, pictures are resized to the input", "[data]") {
  TempDir dir;
  write_pictures(dir / "train", 3);
  write_pictures(dir / "val", 2);
  write_file(dir / "train/a/notes.txt", "not a picture");
  const netrt::DataSpec spec = data_spec("folder", 8, 8, 3, 2);
  const auto data = open_dataset(spec, dir.path(), Split::train, 1);
  REQUIRE(data->size() == 6);
  CHECK(open_dataset(spec, dir.path(), Split::test, 1)->size() == 4);
  std::vector<float> image(192);
  int32_t label = -1;
  data->sample(1, 0, image.data(), &label);
  CHECK(label == 0);
  CHECK(image[0] == Approx(200 / 255.0).margin(0.03));
  CHECK(image[1] == Approx(30 / 255.0).margin(0.03));
  data->sample(4, 0, image.data(), &label);
  CHECK(label == 1);
  CHECK(image[0] == Approx(0.2));
  CHECK(image[2] == Approx(1.0));
  data->sample(5, 0, image.data(), &label);
  CHECK(image[2] == Approx(0.2));  // grey read as colour
}

TEST_CASE("folder: without train and val every tenth file is a test file", "[data]") {
  TempDir dir;
  write_pictures(dir.path(), 16);
  const netrt::DataSpec spec = data_spec("folder", 8, 8, 3, 2);
  CHECK(open_dataset(spec, dir.path(), Split::train, 1)->size() == 28);
  CHECK(open_dataset(spec, dir.path(), Split::test, 1)->size() == 4);
  CHECK(reading_error(spec, dir.path(), Split::test).empty());
  CHECK(reading_error(data_spec("folder", 8, 8, 1, 2), dir.path()).empty());  // colour read as grey
}

TEST_CASE("folder: a large JPEG may be decoded smaller, a small one is enlarged", "[data]") {
  TempDir dir;
  for (int i = 0; i < 6; ++i) write_jpeg(dir / ("a/" + std::to_string(i) + ".jpeg"), i == 0 ? 300 : 5, i == 0 ? 500 : 7, 10, 120, 240);
  netrt::DataSpec spec = data_spec("folder", 12, 12, 3, 1);
  spec.augmentation = {{"crop", {12}}, {"flip", {}}};
  const auto data = open_dataset(spec, dir.path(), Split::train, 1);
  std::vector<float> image(432);
  for (int64_t i = 0; i < 2; ++i) {
    data->sample(i, 0, image.data(), nullptr);
    CHECK(image[1] == Approx(120 / 255.0).margin(0.04));
  }
}

TEST_CASE("folder: errors name the folder or the file", "[data]") {
  TempDir dir;
  netrt::DataSpec spec = data_spec("folder", 8, 8, 3, 2);
  CHECK_THAT(reading_error(spec, dir / "missing"), Contains(dir / "missing"));
  CHECK_THAT(reading_error(spec, dir.path()), Contains(dir.path()) && Contains("empty"));
  write_pictures(dir.path(), 6);
  std::filesystem::create_directory(dir / "c");
  spec.classes = 3;
  CHECK_THAT(reading_error(spec, dir.path()), Contains(dir / "c") && Contains("empty"));
  std::filesystem::remove(dir / "c");
  CHECK(reading_error(spec, dir.path()).empty());
  CHECK_THAT(reading_error(data_spec("folder", 8, 8, 3, 1), dir.path()), Contains("2 classes") && Contains("1"));
  CHECK_THAT(reading_error(data_spec("folder", 8, 8, 4, 2), dir.path()), Contains("channels") && Contains("4"));
  const std::string jpeg = read_file(dir / "a/1.jpg"), png = read_file(dir / "b/1.PNG");
  write_file(dir / "a/1.jpg", jpeg.substr(0, jpeg.size() / 2));
  CHECK_THAT(reading_error(spec, dir.path()), Contains(dir / "a/1.jpg") && Contains("corrupt JPEG"));
  write_file(dir / "a/1.jpg", "");
  CHECK_THAT(reading_error(spec, dir.path()), Contains(dir / "a/1.jpg") && Contains("neither a JPEG nor a PNG"));
  write_file(dir / "a/1.jpg", jpeg);
  write_file(dir / "b/1.PNG", png.substr(0, png.size() - 20));
  CHECK_THAT(reading_error(spec, dir.path()), Contains(dir / "b/1.PNG") && Contains("corrupt PNG"));
}

TEST_CASE("damaged files give an error or pictures, never a crash", "[data]") {
  TempDir dir;
  write_pictures(dir / "pictures", 6);
  write_idx(dir / "idx");
  write_file(dir / "npy/x_train.npy", npy("|u1", "(4, 4, 5)", std::vector<uint8_t>(80, 7)));
  write_file(dir / "npy/y_train.npy", npy("<i4", "(4,)", std::vector<int32_t>{0, 1, 2, 3}));
  struct Case {
    std::string file, dir;
    netrt::DataSpec spec;
  };
  const std::vector<Case> cases = {
      {dir / "pictures/a/0.jpg", dir / "pictures", data_spec("folder", 8, 8, 3, 2)},
      {dir / "pictures/b/0.PNG", dir / "pictures", data_spec("folder", 8, 8, 3, 2)},
      {dir / "idx/train-images-idx3-ubyte", dir / "idx", data_spec("idx", 4, 5, 1, 10)},
      {dir / "idx/train-labels-idx1-ubyte", dir / "idx", data_spec("idx", 4, 5, 1, 10)},
      {dir / "npy/x_train.npy", dir / "npy", data_spec("npy", 4, 5, 1, 10)},
      {dir / "npy/y_train.npy", dir / "npy", data_spec("npy", 4, 5, 1, 10)},
  };
  std::mt19937 random(7);
  for (const Case& test : cases) {
    const std::string whole = read_file(test.file);
    int errors = 0, rounds = 0;
    for (size_t length = 0; length < whole.size(); length += 1 + whole.size() / 60, ++rounds) {
      write_file(test.file, whole.substr(0, length));
      const std::string error = reading_error(test.spec, test.dir);
      CAPTURE(test.file, length, whole.size());
      CHECK(!error.empty());
    }
    for (int round = 0; round < 300; ++round) {
      std::string damaged = whole;
      for (int change = 0; change < 1 + round % 4; ++change) damaged[random() % std::min<size_t>(damaged.size(), 200)] = static_cast<char>(random());
      write_file(test.file, damaged);
      errors += reading_error(test.spec, test.dir).empty() ? 0 : 1;
    }
    write_file(test.file, whole);
    CAPTURE(test.file);
    CHECK(errors > 0);
    CHECK(reading_error(test.spec, test.dir).empty());
  }
}
