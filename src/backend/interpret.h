// Runs a plan inside netc on the CPU runtime. The only part of src that includes runtime/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/target.h"

namespace netc {

/// The CPU target: workspaces as the runtime's kernels ask for them on this machine.
Target cpu_target();
/// The CUDA target: workspaces as runtime/cuda/workspace.h has them; what the arena has free at a call's moment is granted to it.
Target cuda_target(int64_t workspace_floor);

struct InterpretOptions {
  bool guard = false;              ///< check after each kernel that it wrote only its outputs (memory.md rule 9)
  std::string trace;               ///< a folder for the tensors of the first step as .npy files; empty: none
  std::string command;             ///< netc's command line, for the log
  std::string folder;              ///< of the .net file: data paths are relative to it
  std::vector<std::string> arguments;  ///< options of the trainer: --epochs 3 --data DIR (see runtime/train/options.h)
};

/// Trains. Returns the exit status.
int interpret(const Graph& graph, const Plan& plan, const InterpretOptions& options);

}  // namespace netc
