#include "conv_cudnn.h"

#include <utility>

namespace netrt {

const CudnnPlan* conv_plan(Context& ctx, ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue, const Workspace& workspace) {
  std::vector<int64_t> key = {static_cast<int64_t>(kind), epilogue.bias, epilogue.relu, static_cast<int64_t>(workspace.bytes)};
  append_key(key, d);
  const auto found = ctx.conv_plans.find(key);
  if (found != ctx.conv_plans.end()) return found->second.get();
  CudnnPlanner planner;
  planner.handle = ctx.cudnn;
  std::optional<CudnnPlan> plan = cudnn_choose(kind, d, epilogue, workspace.bytes, planner);
  std::unique_ptr<CudnnPlan>& slot = ctx.conv_plans[std::move(key)];
  if (plan) slot = std::make_unique<CudnnPlan>(std::move(*plan));
  return slot.get();
}

bool conv_by_cudnn(Context& ctx, const char* kernel, ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue, const CudnnConvArguments& arguments,
                   const Workspace& workspace) {
  for (const void* pointer : {arguments.x, arguments.w, arguments.y, arguments.bias, static_cast<const void*>(workspace.data)}) {
    if ((reinterpret_cast<uintptr_t>(pointer) & 15) != 0) return false;
  }
  const CudnnPlan* plan = conv_plan(ctx, kind, d, epilogue, workspace);
  if (plan == nullptr) return false;
  check(cudnn_execute(ctx.cudnn, *plan, arguments, workspace.data), kernel, d);
  return true;
}

}  // namespace netrt
