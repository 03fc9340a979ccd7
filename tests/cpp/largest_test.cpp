// The search for the largest size that fits, over plans made up for it and over real ones.
#include <catch2/catch.hpp>

#include <set>

#include "compiled.h"
#include "estimate/largest.h"
#include "passes/resolve.h"

using namespace netc;

namespace {

/// What `find_largest` must say of any plans: the answer fits, and the next size there is does not.
void check_answer(const PlanAt& plan_at, const Search& search, const Largest& found) {
  int64_t size = 1;
  if (found.fits) {
    CHECK(plan_at(found.fits->size)->arena <= search.room);
    size = found.fits->size + 1;
  }
  while (size <= search.limit && !plan_at(size)) ++size;
  REQUIRE(found.next.has_value() == (size <= search.limit));
  if (!found.next) return;
  CHECK(found.next->size == size);
  const int64_t arena = plan_at(size)->arena;
  CHECK((arena < 0 || arena > search.room));
}

}  // namespace

TEST_CASE("the search for the largest size finds every answer from every guess", "[largest]") {
  for (int64_t answer = 0; answer <= 70; ++answer) {
    for (int64_t guess : {-5, 0, 1, 2, 7, 8, 9, 63, 64, 100, 1000000}) {
      const PlanAt plan_at = [&](int64_t size) {
        CHECK(size >= 1);
        CHECK(size <= 64);
        return Trial{size, size * 10, size * 10};
      };
      const Search search{.room = answer * 10 + answer % 10, .guess = guess, .limit = 64};
      const Largest found = find_largest(plan_at, search);
      CHECK((found.fits ? found.fits->size : 0) == std::min<int64_t>(answer, 64));
      CHECK((found.next ? found.next->size : 65) == std::min<int64_t>(answer, 64) + 1);
      CHECK(found.planned <= 20);
      CHECK(found.impossible.empty());
    }
  }
  const PlanAt refuses = [](int64_t size) { return size <= 40 ? Trial{size, size, size} : Trial{size}; };  // no plan above 40
  const Largest found = find_largest(refuses, {.room = 1000, .guess = 500, .limit = 1 << 20});
  CHECK(found.fits->size == 40);
  CHECK(found.next->arena < 0);
}

TEST_CASE("an arena that does not grow with the size", "[largest]") {
  // Packing wastes so much at 20 and 21 that they do not fit; 22 and 23 do.
  const PlanAt plan_at = [](int64_t size) { return Trial{size, size * 10 + (size == 20 || size == 21 ? 90 : 0), size * 10}; };
  for (int64_t guess : {1, 19, 20, 21, 22, 23, 24, 60}) {
    const Largest found = find_largest(plan_at, {.room = 235, .guess = guess, .limit = 1000});
    REQUIRE(found.fits);
    CHECK(found.fits->size == 23);
    CHECK(found.next->size == 24);
  }
}

TEST_CASE("sizes that the network cannot have are passed over", "[largest]") {
  for (int64_t period : {2, 7, 16}) {
    for (int64_t answer = 0; answer <= 130; answer += 3) {
      for (int64_t guess : {1, 5, 16, 64, 112}) {
        const PlanAt plan_at = [&](int64_t size) -> std::optional<Trial> {
          if (size % period != 0) return std::nullopt;
          return Trial{size, size * size, size * size};
        };
        const Search search{.room = answer * answer, .guess = guess, .limit = 120, .reach = 16};
        const Largest found = find_largest(plan_at, search);
        check_answer(plan_at, search, found);
        for (int64_t size : found.impossible) CHECK(size % period != 0);
      }
    }
  }
}

TEST_CASE("a size that is fixed", "[largest]") {
  std::set<int64_t> asked;
  const PlanAt plan_at = [&](int64_t size) -> std::optional<Trial> {
    asked.insert(size);
    return size == 224 ? std::optional(Trial{size, 500, 500}) : std::nullopt;
  };
  const Search search{.room = 1000, .guess = 224, .limit = 1 << 20, .reach = 100};
  const Largest found = find_largest(plan_at, search);
  CHECK(found.fits->size == 224);
  CHECK_FALSE(found.next);
  CHECK(found.planned == 1);
  CHECK(asked.size() < 500);  // not every size up to the limit
  Search less = search;
  less.room = 400;
  const Largest none = find_largest(plan_at, less);
  CHECK_FALSE(none.fits);
  CHECK(none.next->size == 224);
}

namespace {

/// Resolves `text` with another input; its output's shape, or the first error's code.
std::string output_with(const std::string& text, Shape input, const std::map<std::string, double>& sets = {}) {
  TemporaryFolder folder;
  const Parsed parsed = parse_network(folder.write("test.net", text));
  ResolveOptions wanted;
  wanted.input = input;
  wanted.sets = sets;
  const Compilation made = resolve_network(parsed, wanted);
  if (made.graph) return shape_text((*made.graph)[made.graph->output].type.shape);
  return made.diagnostics.all().front().code;
}

}  // namespace

TEST_CASE("a network with another input", "[largest][resolve]") {
  CHECK(output_with("input 8x8x3\nconv 4 3x3 pad\n", {20, 10, 3}) == "20x10x4");
  CHECK(output_with("input 8x8x3\nconv 4 3x3\n", {2, 2, 3}) == "N0302");
  CHECK(output_with("input 8x8x3\nfc 4\nfc 2\n", {9, 9, 3}) == "2");
  // A constant that is the size takes it, and what else is written with it follows.
  CHECK(output_with("let S=8\ninput SxSx3\nupsample 2; crop SxS\n", {12, 12, 3}) == "12x12x3");
  CHECK(output_with("let T=16 V=32\ninput T tokens V\nembed V 8; position T\n", {24}) == "24x8");
  CHECK(output_with("let T=16 V=32\ninput T tokens V\nembed V 8; position T\n", {24}, {{"T", 4}}) == "24x8");
  CHECK(output_with("let V=32\ninput 16 tokens V\nembed V 8; position 16\n", {24}) != "24x8");
  // A constant that is also the channels stays.
  CHECK(output_with("let C=4\ninput CxCxC\nconv C 1x1\n", {6, 6, 4}) == "6x6x4");
}

TEST_CASE("resolving again reads the files of `use` again", "[largest][resolve]") {
  TemporaryFolder folder;
  folder.write("blocks.net", "def block n { conv n 3x3 pad; relu }\n");
  const Parsed parsed = parse_network(folder.write("test.net", "use \"blocks.net\"\ninput 8x8x3\nblock 4\n"));
  for (int64_t side : {8, 16, 32}) {
    ResolveOptions wanted;
    wanted.input = Shape{side, side, 3};
    const Compilation made = resolve_network(parsed, wanted);
    INFO(render(made.diagnostics, made.sources, false));
    REQUIRE(made.graph);
    CHECK((*made.graph)[made.graph->output].type.shape == Shape{side, side, 4});
  }
}
