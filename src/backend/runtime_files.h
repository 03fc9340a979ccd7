// Which of the runtime's sources an emitted program needs.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "backend/folder.h"
#include "plan/plan.h"

namespace netc {

/// The runtime files for `target` ("cpu" or "cuda") that define the kernels of `plan`, the trainer, and what those include; paths
/// under "runtime/".
std::vector<FolderFile> runtime_files(const Plan& plan, const std::string& target);

}  // namespace netc
