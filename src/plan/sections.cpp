#include "plan/sections.h"

#include <algorithm>

namespace netc {

SectionProblem cut_into_sections(std::span<const Interval> intervals, int positions) {
  std::vector<char> starts(static_cast<size_t>(positions) + 1, 0), ends(starts);
  for (const Interval& interval : intervals) {
    starts[static_cast<size_t>(interval.first)] = 1;
    ends[static_cast<size_t>(interval.last)] = 1;
  }
  // A moment counts when a lifetime ends there and one has started since the last that counts: else a neighbour has all its buffers.
  std::vector<int> before(static_cast<size_t>(positions) + 1, 0);  // moments that count before each position
  int sections = 0;
  bool started = false;
  for (size_t t = 0; t < static_cast<size_t>(positions); ++t) {
    before[t] = sections;
    started = started || starts[t];
    if (!started || !ends[t]) continue;
    started = false;
    ++sections;
  }
  before[static_cast<size_t>(positions)] = sections;
  SectionProblem problem;
  problem.sections = std::max(sections, 1);  // an empty one does no harm
  for (const Interval& interval : intervals) {
    problem.first.push_back(before[static_cast<size_t>(interval.first)]);
    problem.last.push_back(before[static_cast<size_t>(interval.last) + 1] - 1);
    problem.bytes.push_back(interval.bytes);
    problem.width.push_back(interval.last - interval.first + 1);
  }
  return problem;
}

SectionProblem mirrored(const SectionProblem& problem) {
  SectionProblem result = problem;
  for (size_t i = 0; i < problem.first.size(); ++i) {
    result.first[i] = problem.sections - 1 - problem.last[i];
    result.last[i] = problem.sections - 1 - problem.first[i];
  }
  return result;
}

}  // namespace netc
