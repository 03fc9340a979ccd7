// Writes the tensors of a run as .npy files, for comparison with another program.
#pragma once

#include <string>

#include "ir/type.h"

namespace netc {

/// Writes `folder/name.npy` (float32, int32 or float64, with the batch as first size where batched). False when it cannot be written.
bool write_npy(const std::string& folder, const std::string& name, const Type& type, int64_t batch, const void* data);

}  // namespace netc
