// A thin wrapper of cuDNN's graph interface (cudnn_backend.h): convolutions of channels-last float32 tensors, planned by cuDNN's
// heuristics under a workspace limit. Planning works with a handle, or, without any GPU, with a device description.
#pragma once

#include <cudnn_backend.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../kernels.h"

namespace netrt {

struct CudnnDescriptorDeleter {
  void operator()(void* descriptor) const { cudnnBackendDestroyDescriptor(descriptor); }
};
/// Owns one cudnnBackendDescriptor_t.
using CudnnDescriptor = std::unique_ptr<void, CudnnDescriptorDeleter>;

enum class ConvKind : int32_t { forward, backward_data, backward_weights };

/// What follows a forward convolution inside the same cuDNN graph.
struct ConvEpilogue {
  bool bias = false;
  bool relu = false;
};

/// Who plans: `handle`, or where there is no GPU `device`, a finalised CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR.
struct CudnnPlanner {
  cudnnHandle_t handle = nullptr;
  cudnnBackendDescriptor_t device = nullptr;
};

/// A finalised execution plan and the scratch it needs, bytes.
struct CudnnPlan {
  CudnnDescriptor plan;
  size_t workspace = 0;
  ConvEpilogue epilogue;
};

/// An operation graph with the descriptors it refers to, which must live as long as it.
struct CudnnConvGraph {
  std::vector<CudnnDescriptor> parts;
  CudnnDescriptor graph;
};

/// The pointers of one call, in the roles of the forward convolution y = activation(w * x + bias); for the backward kernels `x` is
/// dx or x, `w` is w or dw, and `y` is dy.
struct CudnnConvArguments {
  const void* x = nullptr;
  const void* w = nullptr;
  const void* y = nullptr;
  const void* bias = nullptr;
};

/// Whether cuDNN's convolution can express `d` at all: what lies outside its rule for the output's size cannot.
bool cudnn_can_express(const ConvDesc& d);

/// The graph of one convolution; nothing where cuDNN refuses it.
std::optional<CudnnConvGraph> cudnn_conv_graph(ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue);

/// The engine configurations that heuristic `mode` proposes for `graph`, best first; empty where it fails.
std::vector<CudnnDescriptor> cudnn_engines(const CudnnConvGraph& graph, cudnnBackendHeurMode_t mode, const CudnnPlanner& planner);

/// Whether the engine computes in IEEE float32 (no tensor cores, so no TF32; no reduced inputs or sums) and gives the same bits each time.
bool cudnn_engine_is_exact(cudnnBackendDescriptor_t engine_config);

/// The plan of one engine configuration; nothing where it cannot be finalised for this device.
std::optional<CudnnPlan> cudnn_plan(const CudnnDescriptor& engine_config, const CudnnPlanner& planner);

/// The best ranked exact engine that needs at most `workspace` bytes: heuristic A's list, then the fallback's. Nothing where there is none.
std::optional<CudnnPlan> cudnn_choose(ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue, size_t workspace, const CudnnPlanner& planner);

/// Runs `plan` on the handle's stream. `workspace` holds at least plan.workspace bytes.
cudnnStatus_t cudnn_execute(cudnnHandle_t handle, const CudnnPlan& plan, const CudnnConvArguments& arguments, void* workspace);

}  // namespace netrt
