// `netc --why`.
#pragma once

#include "driver/options.h"

namespace netc {

/// What is alive at the peak, and the changes that would lower it most, each planned; the exit status.
int why_command(const Options& options);

}  // namespace netc
