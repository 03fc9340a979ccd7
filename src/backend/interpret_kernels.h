// Binds the calls of a plan to the functions of runtime/kernels.h by name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels.h"
#include "plan/plan.h"

namespace netc {

/// A kernel with its constants filled in; pointers come in the order outputs, inputs.
using BoundKernel = std::function<void(netrt::Context&, void* const* pointers, netrt::Workspace)>;

struct KernelEntry {
  std::string name;
  size_t pointers = 0;        ///< outputs and inputs
  bool takes_workspace = false;
  std::string desc_type;      ///< the name of its constants' struct
  std::function<BoundKernel(const Desc&, int64_t batch)> bind;
  std::function<int64_t(const Desc&, int64_t batch)> cpu_workspace, cuda_workspace;  ///< least bytes of scratch; null where the kernel takes none
};

/// The entry of a kernel, or null.
const KernelEntry* find_kernel(std::string_view name);
const std::vector<KernelEntry>& kernel_entries();

}  // namespace netc
