#include <catch2/catch.hpp>
#include <vector>

#include "ir/op.h"
#include "support/few.h"

using netc::Few;

namespace {

using Three = Few<int, 3>;

std::vector<int> list(const Three& few) { return {few.begin(), few.end()}; }

Three counted(int n) {
  Three few;
  for (int i = 0; i < n; ++i) few.push_back(i);
  return few;
}

}  // namespace

TEST_CASE("few elements and many are kept alike", "[few]") {
  for (int n : {0, 1, 3, 4, 6, 7, 100}) {
    std::vector<int> wanted;
    for (int i = 0; i < n; ++i) wanted.push_back(i);
    Three few = counted(n);
    CHECK(list(few) == wanted);
    CHECK(few.size() == wanted.size());
    CHECK(few.empty() == wanted.empty());

    Three copy = few;
    copy.push_back(-1);
    CHECK(list(few) == wanted);
    CHECK(copy.back() == -1);
    CHECK_FALSE(copy == few);
    copy.pop_back();
    CHECK(copy == few);

    for (int other : {0, 2, 50}) {
      Three target = counted(other);
      target = few;
      CHECK(target == few);
      target = counted(other);
      CHECK(target == counted(other));
      Three moved = std::move(target);
      CHECK(moved == counted(other));
      CHECK(target.empty());  // NOLINT: what a move leaves is empty
      target.push_back(7);
      CHECK(list(target) == std::vector{7});
    }
    Three& same = few;
    few = same;
    CHECK(list(few) == wanted);
  }
}

TEST_CASE("few elements from a list, a range and a count", "[few]") {
  CHECK(list({4, 5, 6, 7}) == std::vector{4, 5, 6, 7});
  const std::vector<int> from{1, 2};
  CHECK(Three(from.begin(), from.end()) == Three{1, 2});
  CHECK(Three(size_t{5}, 9) == Three{9, 9, 9, 9, 9});
  CHECK(Three{1, 2} != Three{1, 2, 3});
}

TEST_CASE("descriptions share their fields until one changes", "[few]") {
  netc::Desc a;
  a.add_per_sample("n", 3).add("c", 5);
  netc::Desc b = a;
  CHECK(b.fields.begin() == a.fields.begin());
  b.add_real("eps", 0.5);
  CHECK(a.fields.size() == 2);
  REQUIRE(b.fields.size() == 3);
  CHECK(b.fields[2].real == 0.5);
  netc::Desc c = a;
  c.fields.own()[1].integer = 7;
  CHECK(a.integer("c") == 5);
  CHECK(c.integer("c", 2) == 7);
  CHECK(c.integer("n", 2) == 6);
  CHECK(netc::Desc{}.fields.size() == 0);
}
