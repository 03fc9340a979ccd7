// `netc --largest-batch` and `netc --largest-input`.
#pragma once

#include "driver/options.h"

namespace netc {

/// The largest batch of a (micro-)step that fits in --memory or on --gpu, found by planning; the exit status.
int largest_batch_command(const Options& options);

/// The largest input that fits: height and width, one to the other as in the file, or the length of a sequence. Sizes at which the network does not
/// resolve are passed over.
int largest_input_command(const Options& options);

}  // namespace netc
