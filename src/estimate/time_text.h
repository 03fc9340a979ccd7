// The time table for people, and as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "estimate/report.h"

namespace netc {

/// The table of `report.time`, which there is, and its totals.
std::string time_text(const Report& report);

/// Keys "forward" and "backward", each with flops, bytes and seconds, and "bound".
nlohmann::ordered_json layer_time_json(const LayerTime& time);
/// The card, its rates and the totals.
nlohmann::ordered_json time_json(const TimeTable& time);

}  // namespace netc
