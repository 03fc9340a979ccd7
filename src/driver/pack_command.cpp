#include "driver/pack_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>

#include "driver/packing_csv.h"
#include "driver/session.h"
#include "plan/pack.h"
#include "plan/validate_packing.h"
#include "support/check.h"

namespace netc {

namespace {

std::vector<PackingRow> read_problem(const std::string& path, std::string& error) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    error = fmt::format("cannot read {}: {}", path, std::strerror(errno));
    return {};
  }
  std::vector<PackingRow> rows = read_packing_csv(text.view(), error);
  if (!error.empty()) error = fmt::format("{}:{}", path, error);
  return rows;
}

/// Lifetimes as positions: the moments that occur, in order.
std::vector<Interval> intervals_of(const std::vector<PackingRow>& rows, int& positions) {
  std::vector<int64_t> moments;
  for (const PackingRow& row : rows) moments.insert(moments.end(), {row.lower, row.upper});
  std::sort(moments.begin(), moments.end());
  moments.erase(std::unique(moments.begin(), moments.end()), moments.end());
  positions = static_cast<int>(moments.size());
  const auto position = [&](int64_t moment) { return static_cast<int>(std::lower_bound(moments.begin(), moments.end(), moment) - moments.begin()); };
  std::vector<Interval> intervals;
  for (const PackingRow& row : rows) intervals.push_back({position(row.lower), position(row.upper) - 1, row.size});
  return intervals;
}

std::string summary(size_t buffers, const Packing& packing) {
  std::string text = fmt::format("{} buffers: end {}, bound {}, ", buffers, packing.end, packing.bound);
  if (packing.optimal) return text + "proven optimal";
  return text + fmt::format("not proven optimal: at most {:.2f} % above the least", 100.0 * static_cast<double>(packing.end - packing.bound) / static_cast<double>(packing.bound));
}

}  // namespace

int pack_command(const Options& options) {
  std::string error;
  std::vector<PackingRow> rows = read_problem(options.file, error);
  if (!error.empty()) return complain(error);
  int positions = 0;
  const std::vector<Interval> intervals = intervals_of(rows, positions);
  const auto start = std::chrono::steady_clock::now();
  const Packing packing = pack(intervals, positions, {.capacity = options.capacity.value_or(0), .search = kThoroughSearch});
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (options.time_passes) fmt::print(stderr, "{:<14} {:>9.3f} ms\n", "pack", took.count());
  const std::string fault = packing_fault(intervals, packing);
  if (!fault.empty()) NETC_CHECK(false, fmt::format("the packing is wrong: {}", fault).c_str());
  fmt::print(stderr, "{}\n", summary(rows.size(), packing));
  if (options.capacity && packing.end > *options.capacity) {
    const bool proven = packing.bound > *options.capacity;
    fmt::print(stderr, "{} ends at or below {}{}\n", proven ? "no packing" : "none was found that", *options.capacity, proven ? "" : ", and none proven impossible");
    return kDoesNotFit;
  }
  for (size_t i = 0; i < rows.size(); ++i) rows[i].offset = packing.offsets[i];
  std::fputs(packing_csv(rows).c_str(), stdout);
  return kDone;
}

std::string write_packing(const Plan& plan, const std::string& file) {
  const Schedule& schedule = plan.train.calls.empty() ? plan.evaluate : plan.train;
  std::ofstream out(file, std::ios::binary);
  out << packing_csv(packing_rows(schedule, plan.persistent));
  out.close();
  return out ? "" : fmt::format("cannot write {}: {}", file, std::strerror(errno));
}

}  // namespace netc
