// Packing problems as CSV, the independent check of packings, and plans in that format.
#include "driver/packing_csv.h"

#include <catch2/catch.hpp>

#include "compiled.h"
#include "driver/pack_command.h"
#include "plan/validate_packing.h"

using namespace netc;

namespace {

std::string error_of(const std::string& text) {
  std::string error;
  const std::vector<PackingRow> rows = read_packing_csv(text, error);
  CHECK((error.empty() || rows.empty()));
  return error;
}

}  // namespace

TEST_CASE("a problem is read whatever the order of its columns", "[packing]") {
  std::string error;
  const auto rows = read_packing_csv("size, lower,upper,id,offset\r\n512,0,3,a,9\r\n\n 0 ,-5,9223372036854775807,b c,\n", error);
  REQUIRE(error == "");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].id == "a");
  CHECK((rows[0].lower == 0 && rows[0].upper == 3 && rows[0].size == 512 && rows[0].offset == 0));
  CHECK((rows[1].id == "b c" && rows[1].lower == -5 && rows[1].upper == INT64_MAX && rows[1].size == 0));
  CHECK(packing_csv(rows) == "id,lower,upper,size,offset\na,0,3,512,0\nb c,-5,9223372036854775807,0,0\n");
  CHECK(read_packing_csv("id,lower,upper,size\n", error).empty());
  CHECK(error == "");
}

TEST_CASE("mistakes in a problem are named with their line", "[packing]") {
  const std::string header = "id,lower,upper,size\n";
  CHECK(error_of("") == "1: no header; the header is id,lower,upper,size");
  CHECK(error_of("0,0,1,256\n") == "1: no column is called `0`; the header is id,lower,upper,size");
  CHECK(error_of("id,lower,upper,id\n") == "1: two columns are called `id`");
  CHECK(error_of("\nid,lower,size\n") == "2: the column `upper` is missing; the header is id,lower,upper,size");
  CHECK(error_of(header + "0,0,1\n") == "2: wants 4 fields as in the header, has 3");
  CHECK(error_of(header + "0,0,1,256,\n") == "2: wants 4 fields as in the header, has 5");
  CHECK(error_of(header + "0,0,1,256\n,0,1,256\n") == "3: the id is empty");
  CHECK(error_of(header + "0,0,1,2k\n") == "2: size `2k` is not a whole number");
  CHECK(error_of(header + "0,,1,2\n") == "2: lower `` is not a whole number");
  CHECK(error_of(header + "0,0,1,-256\n") == "2: size -256 is negative");
  CHECK(error_of(header + "0,3,3,256\n") == "2: upper 3 is not above lower 3");
  CHECK(error_of(header + "0,0,9223372036854775808,1\n") == "2: upper `9223372036854775808` does not fit in 64 bits");
  CHECK(error_of(header + "a,0,1,1\nb,0,1,1\na,0,1,1\n") == "4: the id `a` is already on line 2");
  CHECK(error_of(header + "a,0,1,9223372036854775807\nb,5,6,1\n") == "3: the sum of all sizes does not fit in 63 bits");
}

TEST_CASE("the check of packings sees every fault", "[packing]") {
  const std::vector<Interval> intervals{{0, 4, 256}, {1, 2, 512}, {3, 3, 512}, {3, 4, 0}};
  const auto fault = [&](std::vector<int64_t> offsets, int64_t end) { return packing_fault(intervals, {.offsets = std::move(offsets), .end = end}); };
  CHECK(fault({0, 256, 256, 0}, 768) == "");
  CHECK(fault({512, 0, 0, 600}, 768) == "");
  CHECK(fault({0, 256, 256}, 768) == "3 offsets for 4 buffers");
  CHECK(fault({0, 256, -1, 0}, 768) == "buffer 2 lies at -1");
  CHECK(fault({0, 256, 256, 0}, 769) == "the buffers end at 768, not at 769");
  CHECK(fault({0, 255, 256, 0}, 768) == "buffers 0 and 1 share bytes");
  CHECK(fault({511, 0, 256, 0}, 768) == "buffers 1 and 0 share bytes");
  CHECK(fault({0, 256, 0, 0}, 768) == "buffers 0 and 2 share bytes");
}

TEST_CASE("a plan's packing is a packing of its buffers", "[packing]") {
  const Compilation made = compile_file(example_file("resnet18"));
  const Plan plan = plan_of(*made.graph, cuda_target(0), 4);
  TemporaryFolder folder;
  const std::string file = (folder.path() / "plan.csv").string();
  REQUIRE(write_packing(plan, file) == "");
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  std::string error;
  const std::vector<PackingRow> rows = read_packing_csv(text.str(), error);
  REQUIRE(error == "");
  REQUIRE(rows.size() == plan.train.buffers.size());
  CHECK(packing_csv(packing_rows(plan.train, plan.persistent)) == text.str());
  std::vector<Interval> intervals;
  Packing packing;
  for (const PackingRow& row : packing_rows(plan.train, plan.persistent)) {
    intervals.push_back({static_cast<int>(row.lower), static_cast<int>(row.upper) - 1, row.size});
    packing.offsets.push_back(row.offset);
  }
  packing.end = plan.train.end;
  CHECK(packing_fault(intervals, packing) == "");
  CHECK(write_packing(plan, (folder.path() / "no" / "folder.csv").string()).find("cannot write") == 0);
}
