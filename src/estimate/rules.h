// Rules of thumb for the memory of a network, computed as their sources do: shown beside the exact answer by `--rules`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace netc {

struct Rule {
  std::string id;          ///< key in JSON: "forward_batch"
  std::string name;        ///< what is added up
  std::string source;      ///< who says so
  std::string leaves_out;  ///< what the rule does not count
  int64_t values = 0;      ///< numbers counted, 4 bytes each
  int64_t bytes = 0;
};

/// The rules at `batch` samples, in float32. A sum that leaves 63 bits is reported as 0.
std::vector<Rule> rules_of_thumb(const Graph& graph, int64_t batch);

/// The block printed by `--rules`; `arena` is the exact answer.
std::string rules_text(const std::vector<Rule>& rules, int64_t arena);

}  // namespace netc
