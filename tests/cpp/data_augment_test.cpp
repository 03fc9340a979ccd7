// Augmentation, on pictures whose pixels say where they come from.
#include <catch2/catch.hpp>

#include <numeric>
#include <set>

#include "data_samples.h"
#include "train/augment.h"

using namespace samples;
using Catch::Matchers::Contains;
using netrt::Image;
using netrt::open_dataset;
using netrt::Split;

namespace {

/// Three pictures of 8x8x1 whose pixel (y, x) is 10 (y + 1) + x + 1.
netrt::DataSpec written_data(const TempDir& dir, int64_t side, std::vector<netrt::Augmentation> words) {
  std::vector<float> x;
  for (int i = 0; i < 3 * 64; ++i) x.push_back(static_cast<float>(10 * (i / 8 % 8 + 1) + i % 8 + 1));
  for (const char* split : {"train", "test"}) {
    write_file(dir / (std::string("x_") + split + ".npy"), npy("<f4", "(3, 8, 8, 1)", x));
    write_file(dir / (std::string("y_") + split + ".npy"), npy("|u1", "(3,)", std::vector<uint8_t>{0, 1, 2}));
  }
  netrt::DataSpec spec = data_spec("npy", side, side, 1, 3);
  spec.augmentation = std::move(words);
  return spec;
}

std::vector<float> sample(const netrt::Dataset& data, int64_t side, int64_t index, uint64_t epoch) {
  std::vector<float> image(static_cast<size_t>(side * side));
  data.sample(index, epoch, image.data(), nullptr);
  return image;
}

}  // namespace

TEST_CASE("crop: random windows in training, the central one in testing", "[data]") {
  TempDir dir;
  const netrt::DataSpec spec = written_data(dir, 4, {{"crop", {4}}});
  const auto train = open_dataset(spec, dir.path(), Split::train, 1), test = open_dataset(spec, dir.path(), Split::test, 1);
  std::set<float> corners;
  for (uint64_t epoch = 0; epoch < 300; ++epoch) {
    const std::vector<float> image = sample(*train, 4, 0, epoch);
    corners.insert(image[0]);
    for (size_t i = 0; i < 16; ++i) REQUIRE(image[i] == image[0] + static_cast<float>(10 * (i / 4) + i % 4));
  }
  CHECK(corners.size() == 25);
  for (uint64_t epoch = 0; epoch < 5; ++epoch) CHECK(sample(*test, 4, 0, epoch)[0] == 33);
}

TEST_CASE("crop with a border: what is outside is 0", "[data]") {
  TempDir dir;
  const netrt::DataSpec spec = written_data(dir, 8, {{"crop", {8, 2}}});
  const auto train = open_dataset(spec, dir.path(), Split::train, 1), test = open_dataset(spec, dir.path(), Split::test, 1);
  std::set<std::vector<float>> seen;
  for (uint64_t epoch = 0; epoch < 400; ++epoch) {
    const std::vector<float> image = sample(*train, 8, 1, epoch);
    seen.insert(image);
    const float middle = image[4 * 8 + 4];  // 55 where nothing moved
    const int dy = static_cast<int>(middle) / 10 - 5, dx = static_cast<int>(middle) % 10 - 5;
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 8; ++x) {
        const bool in = y + dy >= 0 && y + dy < 8 && x + dx >= 0 && x + dx < 8;
        REQUIRE(image[static_cast<size_t>(8 * y + x)] == (in ? static_cast<float>(10 * (y + dy + 1) + x + dx + 1) : 0.0f));
      }
    }
  }
  CHECK(seen.size() == 25);
  CHECK(sample(*test, 8, 1, 0)[0] == 11);
}

TEST_CASE("flip: half of the pictures in training, none in testing", "[data]") {
  TempDir dir;
  const netrt::DataSpec spec = written_data(dir, 8, {{"flip", {}}});
  const auto train = open_dataset(spec, dir.path(), Split::train, 1), test = open_dataset(spec, dir.path(), Split::test, 1);
  int flipped = 0;
  for (uint64_t epoch = 0; epoch < 400; ++epoch) {
    const float corner = sample(*train, 8, 2, epoch)[0];
    REQUIRE((corner == 11 || corner == 18));
    flipped += corner == 18 ? 1 : 0;
    REQUIRE(sample(*test, 8, 2, epoch)[0] == 11);
  }
  CHECK(flipped > 150);
  CHECK(flipped < 250);
}

TEST_CASE("augmentation follows from seed, epoch and index alone", "[data]") {
  TempDir dir;
  const netrt::DataSpec spec = written_data(dir, 8, {{"crop", {8, 2}}, {"flip", {}}});
  const auto a = open_dataset(spec, dir.path(), Split::train, 1), b = open_dataset(spec, dir.path(), Split::train, 1);
  const auto other = open_dataset(spec, dir.path(), Split::train, 2);
  int same = 0;
  for (uint64_t epoch = 0; epoch < 50; ++epoch) {
    const std::vector<float> first = sample(*a, 8, 1, epoch);
    sample(*b, 8, 0, epoch + 7);
    CHECK(sample(*b, 8, 1, epoch) == first);
    same += sample(*other, 8, 1, epoch) == first ? 1 : 0;
  }
  CHECK(same < 10);
}

TEST_CASE("normalize: one number or one a channel", "[data]") {
  TempDir dir;
  const auto data = open_dataset(written_data(dir, 8, {{"normalize", {10, 2}}}), dir.path(), Split::test, 1);
  CHECK(sample(*data, 8, 0, 0)[0] == 0.5f);
  CHECK(sample(*data, 8, 0, 0)[63] == 39.0f);
  netrt::DataSpec spec = data_spec("shapes", 4, 4, 3, 10);
  spec.augmentation = {{"normalize", {0, 0, 1, 1, 1, 2}}};
  const auto plain = open_dataset(data_spec("shapes", 4, 4, 3, 10), "", Split::test, 1), colours = open_dataset(spec, "", Split::test, 1);
  float before[48], after[48];
  plain->sample(5, 0, before, nullptr);
  colours->sample(5, 0, after, nullptr);
  for (int i = 0; i < 48; ++i) CHECK(after[i] == (i % 3 == 2 ? (before[i] - 1) / 2 : before[i]));
}

TEST_CASE("cutout blanks a square in training only", "[data]") {
  TempDir dir;
  const netrt::DataSpec spec = written_data(dir, 8, {{"cutout", {3}}});
  const auto train = open_dataset(spec, dir.path(), Split::train, 1), test = open_dataset(spec, dir.path(), Split::test, 1);
  std::set<int64_t> sizes;
  for (uint64_t epoch = 0; epoch < 200; ++epoch) {
    const std::vector<float> image = sample(*train, 8, 0, epoch);
    sizes.insert(std::count(image.begin(), image.end(), 0.0f));
    const std::vector<float> whole = sample(*test, 8, 0, epoch);
    REQUIRE(std::count(whole.begin(), whole.end(), 0.0f) == 0);
  }
  CHECK(sizes == std::set<int64_t>{4, 6, 9});  // cut off at corners and edges
}

TEST_CASE("resize: shrinking averages, a constant stays, a ramp stays a ramp", "[data]") {
  TempDir dir;
  const auto half = open_dataset(written_data(dir, 4, {{"resize", {4}}}), dir.path(), Split::test, 1);
  const std::vector<float> small = sample(*half, 4, 0, 0);
  for (size_t y = 1; y < 3; ++y) {
    for (size_t x = 1; x < 3; ++x) CHECK(small[4 * y + x] == Approx(10 * (2.0 * static_cast<double>(y) + 1.5) + 2.0 * static_cast<double>(x) + 1.5));
  }
  Image from{3, 5, 2, std::vector<float>(30, 0.25f)}, to;
  netrt::resize_image(from, 7, 4, to);
  CHECK((to.h == 7 && to.w == 4 && to.c == 2));
  for (const float value : to.pixels) CHECK(value == Approx(0.25f));
  Image ramp{1, 4, 1, {0, 1, 2, 3}};
  netrt::resize_image(ramp, 1, 8, to);
  const std::vector<float> expected = {0, 0.25f, 0.75f, 1.25f, 1.75f, 2.25f, 2.75f, 3};  // PyTorch's bilinear, align_corners=False
  for (size_t i = 0; i < 8; ++i) CHECK(to.pixels[i] == Approx(expected[i]));
}

TEST_CASE("words that cannot be are errors that name them", "[data]") {
  TempDir dir;
  const auto error = [&](int64_t side, std::vector<netrt::Augmentation> words) {
    return reading_error(written_data(dir, side, std::move(words)), dir.path());
  };
  CHECK_THAT(error(9, {{"crop", {9}}}), Contains("8x8x1") && Contains("crop 9"));
  CHECK_THAT(error(8, {{"crop", {6}}}), Contains("6x6x1") && Contains("8x8x1"));
  CHECK_THAT(error(8, {{"crop", {}}}), Contains("crop N pad p"));
  CHECK_THAT(error(8, {{"crop", {8, 1.5}}}), Contains("crop 8 1.5"));
  CHECK_THAT(error(8, {{"crop", {1e18}}}), Contains("crop"));
  CHECK_THAT(error(8, {{"normalize", {0.5}}}), Contains("normalize 0.5"));
  CHECK_THAT(error(8, {{"normalize", {0.5, 0}}}), Contains("above 0"));
  CHECK_THAT(error(8, {{"cutout", {-1}}}), Contains("cutout -1"));
  CHECK_THAT(error(8, {{"flip", {1}}}), Contains("flip 1"));
  CHECK_THAT(error(8, {{"resize", {6}}}), Contains("6x6x1"));
  CHECK_THAT(error(8, {{"blur", {1}}}), Contains("blur 1"));
}
