// Packing against brute force, an independent overlap check, and the committed problems of other tools.
#include "plan/pack.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <random>
#include <sstream>

#include "plan/bound.h"
#include "plan/exact.h"
#include "plan/validate_packing.h"

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

/// The lowest end of any packing. Some order of the buffers by rising offset, each put on top of those placed before that it meets in time,
/// gives an optimum.
int64_t optimum(const std::vector<Interval>& intervals, std::vector<int64_t>& tops, unsigned placed, int64_t lowest, int64_t end, int64_t best, int64_t bound) {
  if (placed + 1 == 1u << intervals.size()) return std::min(best, end);
  for (size_t i = 0; i < intervals.size() && best > bound; ++i) {
    if (placed >> i & 1) continue;
    int64_t floor = 0;
    for (size_t j = 0; j < intervals.size(); ++j) {
      const bool meets = intervals[i].first <= intervals[j].last && intervals[j].first <= intervals[i].last;
      if ((placed >> j & 1) && meets) floor = std::max(floor, tops[j]);
    }
    tops[i] = floor + intervals[i].bytes;
    if (floor >= lowest && tops[i] < best) best = optimum(intervals, tops, placed | 1u << i, floor, std::max(end, tops[i]), best, bound);
  }
  return best;
}

int64_t optimum(const std::vector<Interval>& intervals) {
  int positions = 0;
  for (const Interval& i : intervals) positions = std::max(positions, i.last + 1);
  std::vector<int64_t> tops(intervals.size());
  return optimum(intervals, tops, 0, 0, 0, std::numeric_limits<int64_t>::max(), bound_by_definition(intervals, positions));
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

/// A problem in which (nearly) every moment is full: again and again some buffers end and others of the same sum start. Of those with ten buffers one
/// in a thousand cannot be packed at the liveness bound, of those with forty one in ten.
std::vector<Interval> full_problem(std::mt19937& random, size_t most, int& positions) {
  const auto draw = [&](int low, int high) { return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)); };
  std::vector<Interval> intervals;
  std::vector<size_t> live;
  const auto start = [&](int64_t bytes, int parts) {
    for (; bytes > 0; --parts) {
      const int64_t part = parts > 1 ? draw(1, static_cast<int>(bytes)) : bytes;
      live.push_back(intervals.size());
      intervals.push_back({positions, -1, part});
      bytes -= part;
    }
  };
  positions = 0;
  for (start(draw(4, 9), 3); intervals.size() + 2 <= most;) {
    std::shuffle(live.begin(), live.end(), random);
    int64_t bytes = 0;
    for (int i = draw(1, 2); i > 0 && !live.empty(); --i) {
      bytes += intervals[live.back()].bytes;
      intervals[live.back()].last = positions;
      live.pop_back();
    }
    ++positions;
    start(bytes, 2);
  }
  for (size_t id : live) intervals[id].last = positions;
  ++positions;
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

/// A training step of a chain of layers with skips over every third, as c200 and c2k of the problems are: what is kept, masks of some layers,
/// scratch, gradients, and those of the skips.
std::vector<Interval> chain_with_skips(int layers) {
  std::mt19937 random(2);
  const auto round_up = [](int64_t bytes) { return (bytes + 255) / 256 * 256; };
  const auto scratch = [&] { return static_cast<int64_t>(random() % 9) * (int64_t{1} << 20) + 256; };
  std::vector<Interval> intervals;
  const int end = 4 * layers;
  for (int i = 0; i < layers; ++i) {
    const int first = 2 * i, last = end - 2 * i;
    const int64_t bytes = round_up(static_cast<int64_t>(100'000 * std::exp(static_cast<double>(random() % 4400) / 1000)));
    intervals.push_back({first, last, bytes});
    if (random() % 2 == 0) intervals.push_back({first, last, round_up(bytes / 32)});
    intervals.push_back({first, first, scratch()});
    intervals.push_back({std::max(last - 2, 2 * layers), last, bytes});
    intervals.push_back({last, last, scratch()});
    if (i % 3 == 0) intervals.push_back({std::max(last - 6, 2 * layers), last, bytes});
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

TEST_CASE("10,000 random problems: valid, never below the bound, the small ones at the optimum", "[pack]") {
  std::mt19937 random(7);
  int optimal = 0, at_bound = 0;
  for (int round = 0; round < 10000; ++round) {
    const bool brute = round % 2 == 0;
    const int count = brute ? 1 + static_cast<int>(random() % 7) : 8 + static_cast<int>(random() % 40);
    const int positions = 1 + static_cast<int>(random() % 24);
    const std::vector<Interval> intervals = random_problem(random, count, positions);
    const Packing packing = pack(intervals, positions);
    const LivenessBound bound = liveness_bound(intervals, positions);
    REQUIRE(fault(intervals, packing) == "");
    REQUIRE(packing_fault(intervals, packing) == "");
    REQUIRE(bound.bytes == bound_by_definition(intervals, positions));
    REQUIRE(packing.bound >= bound.bytes);
    REQUIRE(packing.end >= packing.bound);
    REQUIRE(packing.optimal == (packing.end == packing.bound));
    optimal += packing.optimal;
    at_bound += packing.end == bound.bytes;
    if (brute) {
      REQUIRE(packing.optimal);
      REQUIRE(packing.end == optimum(intervals));
    }
  }
  std::cout << "packing: " << optimal << " of 10000 random problems proven optimal, " << at_bound << " of them at the liveness bound\n";
  CHECK(optimal >= 9990);
  CHECK(at_bound >= 9000);
}

TEST_CASE("an exact search finds what there is and proves what there is not", "[pack]") {
  std::mt19937 random(11);
  int possible = 0, impossible = 0;
  for (int round = 0; round < 6000; ++round) {
    int positions = 0;
    std::vector<Interval> intervals = full_problem(random, 8 + random() % 6, positions);
    // In a third of the rounds sums of sizes do not fit in 32 bits: a buffer by itself makes the common divisor 1.
    const int64_t unit = round % 3 == 0 ? int64_t{1} << 33 : 1;
    for (Interval& i : intervals) i.bytes *= unit;
    if (unit > 1) intervals.push_back({positions, positions, 1}), ++positions;
    const int64_t bound = bound_by_definition(intervals, positions);
    // A packing at the bound, checked below, is its own proof; brute force has the others.
    const bool at_bound = decide(cut_into_sections(intervals, positions), bound, 100000).verdict == Verdict::found;
    const int64_t least = at_bound ? bound : optimum(intervals);
    const SectionProblem problem = cut_into_sections(intervals, positions);
    const int64_t spread = least - bound + 4 * unit;
    for (int64_t capacity : {bound, least, bound + static_cast<int64_t>(random() % static_cast<uint64_t>(spread)), least - 1}) {
      if (capacity < bound) continue;
      const Decision decision = decide(problem, capacity, 100000);
      REQUIRE(decision.verdict == (capacity >= least ? Verdict::found : Verdict::impossible));
      if (decision.verdict == Verdict::impossible) {
        REQUIRE(decision.bound > capacity);
        REQUIRE(decision.bound <= least);
        ++impossible;
        continue;
      }
      Packing packing{decision.offsets, 0, 0, false};
      for (size_t i = 0; i < intervals.size(); ++i) packing.end = std::max(packing.end, decision.offsets[i] + intervals[i].bytes);
      REQUIRE(fault(intervals, packing) == "");
      REQUIRE(packing.end <= capacity);
      ++possible;
    }
  }
  CHECK(possible > 10'000);
  CHECK(impossible > 10);  // small problems are rarely above the liveness bound
}

TEST_CASE("a search that may not look at many nodes is given up, not taken for a proof", "[pack]") {
  std::mt19937 random(3);
  int open = 0;
  for (int round = 0; round < 200; ++round) {
    const std::vector<Interval> intervals = random_problem(random, 30, 12);
    const SectionProblem problem = cut_into_sections(intervals, 12);
    const int64_t bound = liveness_bound(intervals, 12).bytes;
    const Decision decision = decide(problem, bound, 20);
    CHECK(decision.verdict != Verdict::impossible);
    CHECK(decision.nodes <= 20);
    open += decision.verdict == Verdict::open;
  }
  CHECK(open > 100);
}

TEST_CASE("a capacity is enough, or proven too little", "[pack]") {
  std::mt19937 random(5);
  int proven = 0;
  for (int round = 0; round < 2000; ++round) {
    int positions = 0;
    const std::vector<Interval> intervals = full_problem(random, 12, positions);
    const Packing best = pack(intervals, positions);
    REQUIRE(fault(intervals, best) == "");
    const int64_t bound = bound_by_definition(intervals, positions), least = best.end == bound ? bound : optimum(intervals);
    REQUIRE(best.end == least);
    REQUIRE(best.bound == least);
    for (int64_t capacity : {least - 1, least, least + 1, 2 * least}) {
      const Packing packing = pack(intervals, positions, {.capacity = capacity});
      REQUIRE(fault(intervals, packing) == "");
      REQUIRE(packing.bound <= least);
      REQUIRE((packing.end <= capacity) == (capacity >= least));
      REQUIRE((packing.bound > capacity) == (capacity < least));
      proven += packing.bound > capacity;
    }
  }
  CHECK(proven > 1000);
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

TEST_CASE("a chain with skips of 97,000 buffers is packed at its bound", "[pack]") {
  const std::vector<Interval> intervals = chain_with_skips(20'000);
  CHECK(intervals.size() > 96'000);
  const auto start = std::chrono::steady_clock::now();
  const Packing packing = pack(intervals, 80'001);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK(packing.optimal);
  CHECK(packing_fault(intervals, packing) == "");
  std::cout << "packing: a chain with skips of " << intervals.size() << " buffers in " << seconds << " s\n";
  CHECK(seconds < 4);  // some 0.1 s where nobody else is
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
    const auto start = std::chrono::steady_clock::now();
    const Packing packing = pack(intervals, positions, {.search = kThoroughSearch});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    INFO(file.filename().string());
    CHECK(fault(intervals, packing) == "");
    CHECK(packing.end == liveness_bound(intervals, positions).bytes);
    CHECK(packing.optimal);
    const Packing within = pack(intervals, positions, {.capacity = 1'048'576, .search = kThoroughSearch});
    CHECK((within.end <= 1'048'576) == (packing.end <= 1'048'576));
    CHECK(fault(intervals, within) == "");
    std::cout << "packing: " << file.stem().string() << ": " << intervals.size() << " buffers, end " << packing.end << " = bound, in " << seconds << " s\n";
  }
}
