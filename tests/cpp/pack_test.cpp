// Packing against brute force, an independent overlap check, and the committed problems of other tools.
#include "plan/pack.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <random>
#include <sstream>

#include "plan/bound.h"

using namespace netc;

namespace {

/// What is wrong with `packing`, by comparing all pairs; empty when nothing is.
std::string fault(const std::vector<Interval>& intervals, const Packing& packing) {
  if (packing.offsets.size() != intervals.size()) return "wrong number of offsets";
  int64_t end = 0;
  for (size_t i = 0; i < intervals.size(); ++i) {
    if (packing.offsets[i] < 0) return "negative offset";
    end = std::max(end, packing.offsets[i] + intervals[i].bytes);
    for (size_t j = 0; j < i; ++j) {
      const bool in_time = intervals[i].first <= intervals[j].last && intervals[j].first <= intervals[i].last;
      const int64_t a = packing.offsets[i], b = packing.offsets[j];
      const bool in_space = a < b + intervals[j].bytes && b < a + intervals[i].bytes;
      if (in_time && in_space) return "buffers " + std::to_string(j) + " and " + std::to_string(i) + " overlap";
    }
  }
  return end == packing.end ? "" : "wrong end";
}

/// The bound by its definition: for each position the sum over all intervals.
int64_t bound_by_definition(const std::vector<Interval>& intervals, int positions) {
  int64_t best = 0;
  for (int t = 0; t < positions; ++t) {
    int64_t live = 0;
    for (const Interval& i : intervals) live += i.first <= t && t <= i.last ? i.bytes : 0;
    best = std::max(best, live);
  }
  return best;
}

/// The lowest end of any packing. Some order of the buffers, each put on top of those placed before that it meets in time,
/// gives an optimum: take the buffers of an optimal packing by rising offset.
int64_t optimum(const std::vector<Interval>& intervals, std::vector<int64_t>& tops, unsigned placed, int64_t end, int64_t best) {
  if (placed + 1 == 1u << intervals.size()) return std::min(best, end);
  for (size_t i = 0; i < intervals.size(); ++i) {
    if (placed >> i & 1) continue;
    int64_t floor = 0;
    for (size_t j = 0; j < intervals.size(); ++j) {
      const bool meets = intervals[i].first <= intervals[j].last && intervals[j].first <= intervals[i].last;
      if ((placed >> j & 1) && meets) floor = std::max(floor, tops[j]);
    }
    tops[i] = floor + intervals[i].bytes;
    if (tops[i] < best) best = optimum(intervals, tops, placed | 1u << i, std::max(end, tops[i]), best);
  }
  return best;
}

std::vector<Interval> random_problem(std::mt19937& random, int count, int positions) {
  const auto draw = [&](int low, int high) { return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)); };
  std::vector<Interval> intervals;
  for (int i = 0; i < count; ++i) {
    const int first = draw(0, positions - 1);
    intervals.push_back({first, draw(first, positions - 1), 256 * draw(0, 12)});
  }
  return intervals;
}

/// A training step of `layers` layers: activations kept from the forward to the backward pass, their gradients, transients and skips.
std::vector<Interval> training_like(int layers) {
  std::mt19937 random(1);
  const auto bytes = [&] { return 256 * static_cast<int64_t>(random() % 1000 + 1); };
  std::vector<Interval> intervals;
  const int last = 2 * layers;
  for (int i = 0; i < layers; ++i) {
    intervals.push_back({i, last - i, bytes()});
    intervals.push_back({last - i - 1, last - i, bytes()});
    if (i % 3 == 0) intervals.push_back({i, i + 1, bytes()});
    if (i % 3 == 1) intervals.push_back({i, std::min(layers, i + static_cast<int>(random() % 8)), bytes()});
    if (i % 3 == 2) intervals.push_back({std::max(0, last - i - 2), last - i, bytes()});
  }
  return intervals;
}

std::vector<Interval> read_csv(const std::filesystem::path& path, int& positions) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  std::vector<Interval> intervals;
  positions = 0;
  while (std::getline(file, line)) {
    long long id = 0, lower = 0, upper = 0, size = 0;
    REQUIRE(std::sscanf(line.c_str(), "%lld,%lld,%lld,%lld", &id, &lower, &upper, &size) == 4);
    intervals.push_back({static_cast<int>(lower), static_cast<int>(upper) - 1, size});
    positions = std::max(positions, static_cast<int>(upper));
  }
  return intervals;
}

/// ../shared/bench/packing beside the repository, found from the place of this file or of the test's directory.
std::filesystem::path problem_directory() {
  for (std::filesystem::path from : {std::filesystem::path(__FILE__).parent_path(), std::filesystem::current_path()}) {
    for (; !from.empty(); from = from.parent_path()) {
      if (std::filesystem::exists(from / "shared/bench/packing/README.md")) return from / "shared/bench/packing";
      if (from == from.root_path()) break;
    }
  }
  return {};
}

}  // namespace

TEST_CASE("nothing and single buffers pack to their size", "[pack]") {
  CHECK(pack({}, 0).end == 0);
  CHECK(pack({}, 5).optimal);
  const std::vector<Interval> one{{2, 2, 512}};
  CHECK(pack(one, 3).end == 512);
  CHECK(pack(one, 3).offsets == std::vector<int64_t>{0});
  const std::vector<Interval> reuse{{0, 1, 512}, {2, 3, 512}};
  CHECK(pack(reuse, 4).end == 512);
}

TEST_CASE("10,000 random problems: valid, never below the bound, mostly the optimum", "[pack]") {
  std::mt19937 random(7);
  int small = 0, at_optimum = 0, at_bound = 0;
  double excess = 0;
  for (int round = 0; round < 10000; ++round) {
    const bool brute = round % 2 == 0;
    const int count = brute ? 1 + static_cast<int>(random() % 7) : 8 + static_cast<int>(random() % 40);
    const int positions = 1 + static_cast<int>(random() % 24);
    const std::vector<Interval> intervals = random_problem(random, count, positions);
    const Packing packing = pack(intervals, positions);
    const LivenessBound bound = liveness_bound(intervals, positions);
    REQUIRE(fault(intervals, packing) == "");
    REQUIRE(bound.bytes == bound_by_definition(intervals, positions));
    REQUIRE(packing.end >= bound.bytes);
    REQUIRE(packing.optimal == (packing.end == bound.bytes));
    at_bound += packing.optimal;
    excess += bound.bytes ? static_cast<double>(packing.end - bound.bytes) / static_cast<double>(bound.bytes) : 0;
    if (brute) {
      std::vector<int64_t> tops(intervals.size());
      const int64_t best = optimum(intervals, tops, 0, 0, int64_t{1} << 40);
      REQUIRE(packing.end >= best);
      ++small;
      at_optimum += packing.end == best;
    }
  }
  std::cout << "packing: " << at_optimum << " of " << small << " small random problems at the optimum, " << at_bound
            << " of 10000 at the bound, mean excess " << excess / 100 << " %\n";
  CHECK(at_optimum >= small * 99 / 100);
  CHECK(at_bound >= 9000);
}

TEST_CASE("a training step that no greedy order packs without a gap", "[pack]") {
  // conv, bn, relu, pool, conv, bn, silu, avgpool, drop, fc of one 50x50 image, in units of 256 bytes
  const int rows[][3] = {{0, 26, 1250}, {0, 1, 8},    {1, 3, 1250},  {1, 26, 1},   {1, 26, 1},  {1, 2, 3},     {2, 24, 288},  {2, 25, 72},
                         {4, 17, 576},  {4, 5, 8},    {5, 7, 576},   {5, 17, 1},   {5, 17, 1},  {5, 6, 3},     {6, 11, 1},    {8, 12, 1},
                         {8, 9, 2},     {10, 13, 10}, {10, 14, 1},   {10, 11, 2},  {11, 16, 1}, {11, 12, 2},   {15, 21, 576}, {16, 18, 1},
                         {16, 19, 1},   {16, 17, 3},  {19, 22, 288}, {19, 23, 1},  {19, 20, 8}, {20, 25, 288}, {20, 21, 8},   {24, 29, 1250},
                         {25, 27, 1},   {25, 28, 1},  {25, 26, 3},   {28, 30, 18}, {28, 29, 8}};
  std::vector<Interval> intervals;
  for (const auto& [lower, upper, size] : rows) intervals.push_back({lower, upper - 1, 256 * size});
  const Packing packing = pack(intervals, 30);
  CHECK(fault(intervals, packing) == "");
  CHECK(packing.optimal);
}

TEST_CASE("the bound's position is where the sum is reached", "[pack]") {
  const std::vector<Interval> intervals{{0, 4, 256}, {2, 3, 512}, {3, 4, 256}};
  CHECK(liveness_bound(intervals, 5).bytes == 1024);
  CHECK(liveness_bound(intervals, 5).position == 3);
}

TEST_CASE("training-like lifetimes reach the bound, also backwards and in linear time", "[pack]") {
  double first = 0;
  for (int layers : {10, 1000, 100000}) {
    std::vector<Interval> intervals = training_like(layers);
    const int positions = 2 * layers + 1;
    for (bool backwards : {false, true}) {
      const auto start = std::chrono::steady_clock::now();
      const Packing packing = pack(intervals, positions);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      CHECK(packing.optimal);
      if (layers <= 1000) CHECK(fault(intervals, packing) == "");
      if (layers == 100000 && !backwards) first = seconds;
      CHECK(pack(intervals, positions).offsets == packing.offsets);
      for (Interval& i : intervals) i = {positions - 1 - i.last, positions - 1 - i.first, i.bytes};
    }
  }
  std::cout << "packing: 300,000 training-like buffers in " << first << " s\n";
  CHECK(first < 10);  // a quadratic attempt would take minutes
}

TEST_CASE("the committed packing problems", "[pack]") {
  const std::filesystem::path directory = problem_directory();
  if (directory.empty()) {
    WARN("skipped: no shared/bench/packing beside the repository");
    return;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() >= 11);
  for (const auto& file : files) {
    int positions = 0;
    const std::vector<Interval> intervals = read_csv(file, positions);
    const Packing packing = pack(intervals, positions);
    const int64_t bound = liveness_bound(intervals, positions).bytes;
    INFO(file.filename().string());
    CHECK(fault(intervals, packing) == "");
    std::cout << "packing: " << file.stem().string() << ": " << intervals.size() << " buffers, end " << packing.end << ", bound " << bound << ", gap "
              << 100.0 * static_cast<double>(packing.end - bound) / static_cast<double>(bound) << " %\n";
    const std::string name = file.stem().string();
    if (name == "resnet50-save" || name == "unetbn-remat" || name == "c200" || name == "c2k") CHECK(packing.optimal);
    CHECK(packing.end < bound + bound / 5);
  }
}
