// The generated pictures.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "data_samples.h"

using netrt::open_dataset;
using netrt::Split;
using samples::data_spec;

TEST_CASE("shapes: deterministic, balanced, different from index to index, split to split and seed to seed", "[data]") {
  const netrt::DataSpec spec = data_spec("shapes", 24, 20, 3, 10);
  const auto train = open_dataset(spec, "", Split::train, 1), again = open_dataset(spec, "", Split::train, 1);
  const auto test = open_dataset(spec, "", Split::test, 1), other = open_dataset(spec, "", Split::train, 2);
  CHECK(train->size() == 10000);
  CHECK(test->size() == 2000);
  std::vector<float> a(24 * 20 * 3), b(a.size());
  std::vector<int> seen(10);
  for (int64_t i = 0; i < 200; ++i) {
    int32_t label = -1;
    train->sample(i, 0, a.data(), &label);
    ++seen[static_cast<size_t>(label)];
    for (const float value : a) REQUIRE((value >= 0 && value <= 1));
    again->sample(i, 5, b.data(), nullptr);
    REQUIRE(a == b);
    test->sample(i, 0, b.data(), nullptr);
    REQUIRE(a != b);
    other->sample(i, 0, b.data(), nullptr);
    REQUIRE(a != b);
    train->sample(i + 10, 0, b.data(), nullptr);
    REQUIRE(a != b);
  }
  CHECK(seen == std::vector<int>(10, 20));
}

TEST_CASE("shapes: a sequence T x C is a picture of T rows and C columns, its mask has a value a row", "[data]") {
  const netrt::DataSpec picture = data_spec("shapes", 20, 24, 1, 10);
  netrt::DataSpec sequence = data_spec("shapes", 20, 1, 24, 10);
  const auto pixels = open_dataset(picture, "", Split::train, 1), rows = open_dataset(sequence, "", Split::train, 1);
  sequence.target = netrt::TargetKind::values;
  sequence.target_values = 20;
  const auto masks = open_dataset(sequence, "", Split::train, 1);
  netrt::DataSpec full = picture;
  full.target = netrt::TargetKind::values;
  full.target_values = 20 * 24;
  const auto full_masks = open_dataset(full, "", Split::train, 1);
  std::vector<float> a(20 * 24), b(a.size()), mask(20), full_mask(20 * 24);
  for (int64_t i = 0; i < 20; ++i) {
    int32_t label_a = -1, label_b = -2;
    pixels->sample(i, 0, a.data(), &label_a);
    rows->sample(i, 0, b.data(), &label_b);
    REQUIRE((a == b && label_a == label_b));
    masks->sample(i, 0, b.data(), mask.data());
    full_masks->sample(i, 0, a.data(), full_mask.data());
    for (int row = 0; row < 20; ++row) REQUIRE(mask[static_cast<size_t>(row)] == *std::max_element(&full_mask[static_cast<size_t>(row * 24)], &full_mask[static_cast<size_t>(row * 24)] + 24));
  }
}

TEST_CASE("shapes: the mask is where the picture differs from its background", "[data]") {
  netrt::DataSpec spec = data_spec("shapes", 32, 32, 1, 1);
  spec.target = netrt::TargetKind::values;
  spec.target_values = 32 * 32;
  const auto data = open_dataset(spec, "", Split::train, 1);
  std::vector<float> image(1024), mask(1024);
  for (int64_t i = 0; i < 100; ++i) {
    data->sample(i, 0, image.data(), mask.data());
    double in = 0, out = 0, count = 0;
    for (size_t p = 0; p < 1024; ++p) {
      REQUIRE((mask[p] == 0 || mask[p] == 1));
      count += static_cast<double>(mask[p]);
      (mask[p] == 1 ? in : out) += static_cast<double>(image[p]);
    }
    CAPTURE(i);
    CHECK(count > 20);
    CHECK(count < 900);
    CHECK(std::abs(in / count - out / (1024 - count)) > 0.15);
  }
}

TEST_CASE("shapes: any size, even one pixel", "[data]") {
  for (const auto& [h, w, c] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{{1, 1, 1}, {1, 9, 2}, {7, 3, 5}, {64, 8, 1}}) {
    CHECK(samples::reading_error(data_spec("shapes", h, w, c, 10), "", Split::test).empty());
  }
  CHECK(samples::reading_error(data_spec("shapes", 8, 8, 3, 9), "") != "");
}
