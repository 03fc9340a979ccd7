// `netc --pack problem.csv`.
#pragma once

#include "driver/options.h"
#include "plan/plan.h"

namespace netc {

/// Solves the problem in options.file and prints it with offsets; the exit status.
int pack_command(const Options& options);

/// Writes the packing of `plan`'s training step (of its evaluation, where there is none) into `file`; what went wrong, or nothing.
std::string write_packing(const Plan& plan, const std::string& file);

}  // namespace netc
