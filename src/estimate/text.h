// The report for people.
#pragma once

#include <string>

#include "estimate/report.h"

namespace netc {

/// The sentence of the first and the last line.
std::string verdict_text(const Report& report);

/// The whole report, at most 120 columns wide but for names and sentences longer than that; `rules` (rules_text(), may be empty)
/// stands before the last line.
std::string estimate_text(const Report& report, const std::string& rules = {});

}  // namespace netc
