// `netc --like pytorch model.net`.
#pragma once

#include "driver/options.h"

namespace netc {

/// Prints what PyTorch takes for the training step of options.file, beside netc's plan; the exit status.
int like_command(const Options& options);

}  // namespace netc
