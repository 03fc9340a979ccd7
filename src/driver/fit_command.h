// `netc --fit SIZE model.net`.
#pragma once

#include "driver/options.h"

namespace netc {

/// Prints the cheapest way found to train in that memory, its cost, the proof and the price list; the exit status.
int fit_command(const Options& options);

}  // namespace netc
