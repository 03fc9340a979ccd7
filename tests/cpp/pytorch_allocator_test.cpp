// PyTorch's caching allocator, rule by rule.
#include <catch2/catch.hpp>

#include "estimate/pytorch_allocator.h"

namespace netc {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

struct Lab {
  PytorchAllocator allocator;
  explicit Lab(int64_t capacity = 0) : allocator(capacity) {}

  PytorchAllocator::Block take(int64_t bytes) {
    const auto block = allocator.allocate(bytes);
    REQUIRE(block.has_value());
    return *block;
  }
  const PytorchAllocator::Stats& stats() const { return allocator.stats(); }
};

TEST_CASE("PyTorch rounds to 512 bytes", "[pytorch]") {
  Lab lab;
  CHECK(lab.allocator.size(lab.take(1)) == 512);
  CHECK(lab.allocator.size(lab.take(512)) == 512);
  CHECK(lab.allocator.size(lab.take(513)) == 1024);
  CHECK(lab.stats().allocated == 2048);
  CHECK(lab.stats().requested == 1 + 512 + 513);
  CHECK(lab.take(0) == -1);
  CHECK(lab.stats().allocated == 2048);
}

TEST_CASE("PyTorch's segments: 2 MiB, 20 MiB, or the request in steps of 2 MiB", "[pytorch]") {
  const auto reserved = [](int64_t bytes) {
    Lab lab;
    lab.take(bytes);
    return lab.stats().reserved;
  };
  CHECK(reserved(1) == 2 * kMiB);
  CHECK(reserved(kMiB) == 2 * kMiB);
  CHECK(reserved(kMiB + 1) == 20 * kMiB);
  CHECK(reserved(10 * kMiB - 512) == 20 * kMiB);
  CHECK(reserved(10 * kMiB) == 10 * kMiB);
  CHECK(reserved(10 * kMiB + 1) == 12 * kMiB);
  CHECK(reserved(33 * kMiB) == 34 * kMiB);
}

TEST_CASE("Small and large requests have pools of their own", "[pytorch]") {
  Lab lab;
  lab.allocator.free(lab.take(19 * kMiB));
  CHECK(lab.stats().reserved == 20 * kMiB);
  lab.take(1000);
  CHECK(lab.stats().reserved == 22 * kMiB);
  CHECK(lab.stats().max_reserved == 22 * kMiB);
}

TEST_CASE("A large block is split where more than 1 MiB is left, a small one always", "[pytorch]") {
  Lab exact;
  CHECK(exact.allocator.size(exact.take(11 * kMiB)) == 12 * kMiB);  // the segment: 1 MiB is left, not more
  Lab more;
  CHECK(more.allocator.size(more.take(11 * kMiB - 512)) == 11 * kMiB - 512);
  CHECK(more.stats().allocated == 11 * kMiB - 512);
  Lab small;
  CHECK(small.allocator.size(small.take(kMiB)) == kMiB);
  CHECK(small.allocator.size(small.take(kMiB - 512)) == kMiB - 512);
  CHECK(small.allocator.size(small.take(512)) == 512);
  CHECK(small.stats().reserved == 2 * kMiB);
}

TEST_CASE("Best fit: the smallest block that is large enough, of equals the one lowest in memory", "[pytorch]") {
  Lab lab;
  const auto wide = lab.take(40 * kMiB), tight = lab.take(30 * kMiB), twin = lab.take(30 * kMiB);
  const int64_t low = lab.allocator.address(tight), high = lab.allocator.address(twin);
  CHECK(low < high);
  lab.allocator.free(twin);
  lab.allocator.free(wide);
  lab.allocator.free(tight);
  CHECK(lab.allocator.address(lab.take(30 * kMiB)) == low);
  CHECK(lab.allocator.address(lab.take(29 * kMiB)) == high);  // 30 MiB, of which 1 MiB is not split off
  CHECK(lab.stats().allocated == 60 * kMiB);
  lab.take(30 * kMiB);
  CHECK(lab.stats().reserved == 100 * kMiB);  // the third fits in the 40
}

TEST_CASE("Freed neighbours of one segment become one block, of two segments they do not", "[pytorch]") {
  Lab lab;
  const auto a = lab.take(5 * kMiB), b = lab.take(5 * kMiB), c = lab.take(5 * kMiB);
  CHECK(lab.stats().reserved == 20 * kMiB);
  lab.allocator.free(a);
  lab.allocator.free(c);
  lab.allocator.free(b);
  CHECK(lab.stats().allocated == 0);
  CHECK(lab.allocator.size(lab.take(19 * kMiB)) == 20 * kMiB);
  CHECK(lab.stats().reserved == 20 * kMiB);
  Lab apart;
  const auto first = apart.take(10 * kMiB), second = apart.take(10 * kMiB);
  apart.allocator.free(first);
  apart.allocator.free(second);
  apart.take(20 * kMiB);
  CHECK(apart.stats().reserved == 40 * kMiB);
}

TEST_CASE("Segments are kept until memory runs out; then those that are whole are given back", "[pytorch]") {
  Lab lab(64 * kMiB);
  lab.allocator.free(lab.take(30 * kMiB));
  CHECK(lab.stats().reserved == 30 * kMiB);
  const auto part = lab.take(2 * kMiB);  // from the 30, which is then no longer whole
  const auto whole = lab.take(30 * kMiB);
  CHECK(lab.stats().reserved == 60 * kMiB);
  lab.allocator.free(whole);
  lab.take(34 * kMiB);
  CHECK(lab.stats().reserved == 64 * kMiB);
  CHECK(lab.stats().max_reserved == 64 * kMiB);
  CHECK_FALSE(lab.allocator.allocate(32 * kMiB).has_value());
  lab.allocator.free(part);
  lab.allocator.release_cached();
  CHECK(lab.stats().reserved == 34 * kMiB);
}

}  // namespace
}  // namespace netc
