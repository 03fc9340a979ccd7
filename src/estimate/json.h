// The report as JSON: an interface (docs/memory.md); keys are added, never renamed.
#pragma once

#include <nlohmann/json.hpp>

#include "estimate/report.h"
#include "estimate/rules.h"

namespace netc {

/// Sizes in bytes, times as schedule positions, shapes as in the language. `buffers` are those of the training schedule, or of the
/// evaluation's when the plan is for inference. With `rules` not empty there is a key "rules".
nlohmann::ordered_json estimate_json(const Report& report, const Plan& plan, const std::vector<Rule>& rules = {});

/// The text of `--json`: estimate_json with two spaces of indentation and a newline. Text that is not UTF-8 is replaced.
std::string estimate_json_text(const Report& report, const Plan& plan, const std::vector<Rule>& rules = {});

}  // namespace netc
