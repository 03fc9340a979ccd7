// The readers of IDX, CIFAR-10 and NumPy files: what they give, and what they say of files that are not right.
#include <catch2/catch.hpp>

#include "data_samples.h"

using namespace samples;
using Catch::Matchers::Contains;
using netrt::open_dataset;
using netrt::Split;
using netrt::TargetKind;

TEST_CASE("idx: pixels are bytes / 255 and labels are the file's, plain or gzipped", "[data]") {
  TempDir dir;
  write_idx(dir.path());
  if (GENERATE(false, true)) {
    for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}) {
      write_file(dir / (std::string(name) + ".gz"), gzip(read_file(dir / name), dir / "temporary"));
      std::filesystem::remove(dir / name);
    }
  }
  const auto data = open_dataset(data_spec("idx", 4, 5, 1, 10), dir.path(), Split::train, 1);
  REQUIRE(data->size() == 20);
  for (const int64_t index : {0, 7, 19}) {
    float image[20];
    int32_t label = -1;
    data->sample(index, 3, image, &label);
    CHECK(label == index % 10);
    for (int64_t i = 0; i < 20; ++i) CHECK(image[i] == static_cast<float>(pixel(index * 20 + i)) / 255.0f);
  }
  CHECK(open_dataset(data_spec("idx", 4, 5, 1, 10), dir.path(), Split::test, 1)->size() == 10);
}

TEST_CASE("idx: targets are one-hot rows, the input itself or the label as a number when the loss wants so", "[data]") {
  TempDir dir;
  write_idx(dir.path());
  netrt::DataSpec spec = data_spec("idx", 4, 5, 1, 10);
  float image[20], target[20] = {};
  spec.target = TargetKind::one_hot;
  spec.target_values = 10;
  open_dataset(spec, dir.path(), Split::train, 1)->sample(13, 0, image, target);
  for (int i = 0; i < 10; ++i) CHECK(target[i] == (i == 3 ? 1.0f : 0.0f));
  spec.target = TargetKind::input;
  spec.target_values = 20;
  open_dataset(spec, dir.path(), Split::train, 1)->sample(13, 0, image, target);
  CHECK(std::equal(image, image + 20, target));
  spec.target_values = 21;
  CHECK_THAT(reading_error(spec, dir.path()), Contains("20 values") && Contains("21"));
  spec.target = TargetKind::values;
  spec.target_values = 1;
  open_dataset(spec, dir.path(), Split::train, 1)->sample(13, 0, image, target);
  CHECK(target[0] == 3.0f);
  spec.target_values = 7;
  CHECK_THAT(reading_error(spec, dir.path()), Contains("7"));
}

TEST_CASE("idx: errors name the file and what was expected", "[data]") {
  TempDir dir;
  write_idx(dir.path());
  const netrt::DataSpec spec = data_spec("idx", 4, 5, 1, 10);
  const std::string images = dir / "train-images-idx3-ubyte", labels = dir / "train-labels-idx1-ubyte";
  CHECK(reading_error(spec, dir.path()).empty());
  SECTION("missing") {
    std::filesystem::remove(labels);
    CHECK_THAT(reading_error(spec, dir.path()), Contains("train-labels-idx1-ubyte.gz") && Contains(dir.path()) && Contains("--data"));
  }
  SECTION("truncated") {
    write_file(images, idx_images(20, 4, 5).substr(0, 300));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images) && Contains("300 bytes") && Contains("416") && Contains("20 images of 4x5"));
    write_file(images, "\0\0\1");
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images) && Contains("truncated"));
    write_file(labels, idx_labels(20, 10).substr(0, 20));
    write_file(images, idx_images(20, 4, 5));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(labels) && Contains("20 labels"));
  }
  SECTION("too long") {
    write_file(images, idx_images(20, 4, 5) + "x");
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images) && Contains("more than the expected 416"));
  }
  SECTION("truncated gzip") {
    const std::string packed = gzip(idx_images(20, 4, 5), dir / "temporary");
    std::filesystem::remove(images);
    write_file(images + ".gz", packed.substr(0, packed.size() - 12));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images + ".gz"));
  }
  SECTION("wrong magic") {
    write_file(images, idx_labels(20, 10) + pixels(100));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images) && Contains("0x00000801, expected 0x00000803"));
  }
  SECTION("a header that promises more than can be") {
    write_file(images, big_endian(0x803) + big_endian(0xFFFFFFFF) + big_endian(0xFFFFFFFF) + big_endian(0xFFFFFFFF) + pixels(100));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images));
    write_file(images, big_endian(0x803) + big_endian(0x7FFFFFFF) + big_endian(0x7FFFFFFF) + big_endian(1) + pixels(100));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images) && Contains("truncated"));
    write_file(images, big_endian(0x803) + big_endian(0) + big_endian(4) + big_endian(5));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(images));
  }
  SECTION("counts differ") {
    write_file(labels, idx_labels(19, 10));
    CHECK_THAT(reading_error(spec, dir.path()), Contains(labels) && Contains("19 labels") && Contains("20 images"));
  }
  SECTION("more classes than scores") {
    CHECK_THAT(reading_error(data_spec("idx", 4, 5, 1, 7), dir.path()), Contains("10 classes") && Contains("7"));
  }
  SECTION("another size than the input") {
    CHECK_THAT(reading_error(data_spec("idx", 4, 4, 3, 10), dir.path()), Contains(images) && Contains("4x5x1") && Contains("4x4x3"));
  }
}

TEST_CASE("cifar10: planes become pixels, and errors name the file", "[data]") {
  TempDir dir;
  std::string bytes(10000 * 3073, '\0');
  for (int64_t i = 0; i < 10000; ++i) bytes[static_cast<size_t>(i * 3073)] = static_cast<char>(i % 10);
  for (int64_t i = 0; i < 3072; ++i) bytes[static_cast<size_t>(42 * 3073 + 1 + i)] = static_cast<char>(pixel(i));
  write_file(dir / "test_batch.bin", bytes);
  const netrt::DataSpec spec = data_spec("cifar10", 32, 32, 3, 10);
  const auto data = open_dataset(spec, dir.path(), Split::test, 1);
  CHECK(data->size() == 10000);
  std::vector<float> image(3072);
  int32_t label = -1;
  data->sample(42, 0, image.data(), &label);
  CHECK(label == 2);
  for (const int64_t i : {0, 1, 500, 1023}) {
    for (int64_t c = 0; c < 3; ++c) CHECK(image[static_cast<size_t>(3 * i + c)] == static_cast<float>(pixel(c * 1024 + i)) / 255.0f);
  }
  CHECK_THAT(reading_error(spec, dir.path()), Contains("data_batch_1.bin") && Contains(dir.path()));
  bytes[5 * 3073] = 11;
  write_file(dir / "test_batch.bin", bytes);
  CHECK_THAT(reading_error(spec, dir.path(), Split::test), Contains("test_batch.bin") && Contains("label 11 of record 5"));
  write_file(dir / "test_batch.bin", bytes.substr(0, 1000));
  CHECK_THAT(reading_error(spec, dir.path(), Split::test), Contains("test_batch.bin") && Contains("truncated") && Contains("30730000"));
}

namespace {

void write_npy_data(const std::string& dir) {
  std::vector<float> x;
  for (int i = 0; i < 5 * 2 * 3 * 2; ++i) x.push_back(static_cast<float>(i) - 0.5f);
  write_file(dir + "/x_train.npy", npy("<f4", "(5, 2, 3, 2)", x));
  write_file(dir + "/y_train.npy", npy("<i8", "(5,)", std::vector<int64_t>{3, 1, 0, 2, 1}));
}

}  // namespace

TEST_CASE("npy: floats as they are, bytes / 255, labels of any whole type", "[data]") {
  TempDir dir;
  write_npy_data(dir.path());
  const netrt::DataSpec spec = data_spec("npy", 2, 3, 2, 4);
  float image[12];
  int32_t label = -1;
  auto data = open_dataset(spec, dir.path(), Split::train, 1);
  CHECK(data->size() == 5);
  data->sample(3, 0, image, &label);
  CHECK(label == 2);
  for (int i = 0; i < 12; ++i) CHECK(image[i] == static_cast<float>(36 + i) - 0.5f);
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 60; ++i) bytes.push_back(pixel(i));
  write_file(dir / "x_train.npy", npy("|u1", "(5, 12)", bytes));
  write_file(dir / "y_train.npy", npy("<i4", "(5, 1)", std::vector<int32_t>{3, 1, 0, 2, 1}));
  data = open_dataset(spec, dir.path(), Split::train, 1);
  data->sample(4, 0, image, &label);
  CHECK(label == 1);
  for (int i = 0; i < 12; ++i) CHECK(image[i] == static_cast<float>(pixel(48 + i)) / 255.0f);
}

TEST_CASE("npy: targets of several values, class indices a position", "[data]") {
  TempDir dir;
  write_npy_data(dir.path());
  netrt::DataSpec spec = data_spec("npy", 2, 3, 2, 4);
  spec.target = TargetKind::values;
  spec.target_values = 6;
  std::vector<float> y;
  for (int i = 0; i < 30; ++i) y.push_back(static_cast<float>(i) / 8);
  write_file(dir / "y_train.npy", npy("<f4", "(5, 2, 3)", y));
  float image[12], target[6];
  open_dataset(spec, dir.path(), Split::train, 1)->sample(2, 0, image, target);
  for (int i = 0; i < 6; ++i) CHECK(target[i] == static_cast<float>(12 + i) / 8);
  spec.target_values = 5;
  CHECK_THAT(reading_error(spec, dir.path()), Contains("6 values") && Contains("5"));

  spec = data_spec("npy", 2, 3, 2, 4);
  spec.target_rows = 6;
  CHECK_THAT(reading_error(spec, dir.path()), Contains("6 positions"));
  std::vector<uint8_t> labels(30, 3);
  write_file(dir / "y_train.npy", npy("|u1", "(5, 2, 3)", labels));
  CHECK(reading_error(spec, dir.path()).empty());
  labels[8] = 4;
  write_file(dir / "y_train.npy", npy("|u1", "(5, 2, 3)", labels));
  CHECK_THAT(reading_error(spec, dir.path()), Contains("label 4") && Contains("0..3"));
}

TEST_CASE("npy: sequences of numbers, T x C", "[data]") {
  TempDir dir;
  std::vector<float> x;
  for (int i = 0; i < 60; ++i) x.push_back(static_cast<float>(i));
  write_file(dir / "x_train.npy", npy("<f4", "(2, 10, 3)", x));
  write_file(dir / "y_train.npy", npy("<i4", "(2,)", std::vector<int32_t>{1, 0}));
  float sequence[30];
  int32_t label = -1;
  open_dataset(data_spec("npy", 10, 1, 3, 2), dir.path(), Split::train, 1)->sample(1, 0, sequence, &label);
  CHECK(label == 0);
  for (int i = 0; i < 30; ++i) CHECK(sequence[i] == static_cast<float>(30 + i));
  CHECK_THAT(reading_error(data_spec("npy", 9, 1, 3, 2), dir.path()), Contains("10x3x1") && Contains("9x1x3"));
  netrt::DataSpec tokens = token_spec("npy", 30, 100);
  CHECK_THAT(reading_error(tokens, dir.path()), Contains("(2, 10, 3)") && Contains("(N, 30)"));
}

TEST_CASE("npy: errors name the file and what was expected", "[data]") {
  TempDir dir;
  write_npy_data(dir.path());
  const netrt::DataSpec spec = data_spec("npy", 2, 3, 2, 4);
  const std::string x = dir / "x_train.npy", y = dir / "y_train.npy";
  const std::vector<float> numbers(60, 1.0f);
  const auto error_with_x = [&](const std::string& bytes) {
    write_file(x, bytes);
    return reading_error(spec, dir.path());
  };
  CHECK_THAT(error_with_x(npy("<f8", "(5, 2, 3, 2)", numbers)), Contains(x) && Contains("<f8") && Contains("<f4"));
  CHECK_THAT(error_with_x(npy(">f4", "(5, 2, 3, 2)", numbers)), Contains(x) && Contains(">f4"));
  CHECK_THAT(error_with_x(npy("<f4", "(5, 2, 3, 2)", numbers, "True")), Contains(x) && Contains("Fortran"));
  CHECK_THAT(error_with_x(npy("<f4", "(5, 2, 3, 3)", numbers)), Contains(x) && Contains("truncated") && Contains("(5, 2, 3, 3)"));
  CHECK_THAT(error_with_x(npy("<f4", "(5, 2, 3, 1)", numbers)), Contains(x) && Contains("more than the expected"));
  CHECK_THAT(error_with_x(npy("<f4", "(5, 3, 2, 2)", numbers)), Contains(x) && Contains("3x2x2") && Contains("2x3x2"));
  CHECK_THAT(error_with_x(npy("<f4", "(5, 11)", std::vector<float>(55))), Contains(x) && Contains("(5, 11)") && Contains("(N, 12)"));
  CHECK_THAT(error_with_x(npy("<f4", "()", numbers)), Contains(x));
  CHECK_THAT(error_with_x(npy("<f4", "(0, 2, 3, 2)", std::vector<float>{})), Contains(x) && Contains("(0, 2, 3, 2)"));
  CHECK_THAT(error_with_x(npy("<f4", "(1000000000000, 1000000000000, 3, 2)", numbers)), Contains(x) && Contains("too large"));
  CHECK_THAT(error_with_x(npy("<f4", "(99999999999999999999999, 1)", numbers)), Contains(x) && Contains("too large"));
  CHECK_THAT(error_with_x(npy("<f4", "(5, -2)", numbers)), Contains(x) && Contains("whole numbers"));
  CHECK_THAT(error_with_x(npy("<f4", "5", numbers)), Contains(x) && Contains("tuple"));
  CHECK_THAT(error_with_x("not numpy at all"), Contains(x) && Contains("NUMPY"));
  CHECK_THAT(error_with_x("\x93NUM"), Contains(x) && Contains("truncated"));
  write_npy_data(dir.path());
  write_file(y, npy("<i8", "(4,)", std::vector<int64_t>{3, 1, 0, 2}));
  CHECK_THAT(reading_error(spec, dir.path()), Contains(y) && Contains("5 rows"));
  write_file(y, npy("<i8", "(5,)", std::vector<int64_t>{3, 1, -1, 2, 1}));
  CHECK_THAT(reading_error(spec, dir.path()), Contains(y) && Contains("label -1 in row 2"));
  write_file(y, npy("<i8", "(5,)", std::vector<int64_t>{3, 1, 4, 2, 1}));
  CHECK_THAT(reading_error(spec, dir.path()), Contains("5 classes") && Contains("4"));
  write_file(y, npy("<f4", "(5,)", std::vector<float>(5, 1.0f)));
  CHECK_THAT(reading_error(spec, dir.path()), Contains("not class indices"));
  CHECK_THAT(reading_error(spec, dir.path(), Split::test), Contains("x_test.npy"));
}

TEST_CASE("an unknown reader is an error", "[data]") { CHECK_THAT(reading_error(data_spec("tape", 2, 3, 2, 4), "x"), Contains("\"tape\"")); }

TEST_CASE("Fashion-MNIST is read as published", "[data]") {
  const std::string dir = std::string(NETC_SOURCE_DIR) + "/../shared/data/fashion-mnist";
  if (!std::filesystem::exists(dir)) {
    WARN("Fashion-MNIST is not here; skipped");
    return;
  }
  const auto data = open_dataset(data_spec("idx", 28, 28, 1, 10), dir, Split::train, 1);
  CHECK(data->size() == 60000);
  CHECK(open_dataset(data_spec("idx", 28, 28, 1, 10), dir, Split::test, 1)->size() == 10000);
  std::vector<int> seen(10);
  std::vector<float> image(784);
  double sum = 0;
  for (int64_t i = 0; i < data->size(); ++i) {
    int32_t label = -1;
    data->sample(i, 0, image.data(), &label);
    ++seen[static_cast<size_t>(label)];
    for (const float value : image) sum += static_cast<double>(value);
  }
  CHECK(seen == std::vector<int>(10, 6000));
  CHECK(sum / (60000.0 * 784) == Approx(0.2860).margin(0.0001));  // the mean everybody normalises with
}
