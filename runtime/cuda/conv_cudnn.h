// Convolutions through cuDNN where it has an exact engine that fits the workspace.
#pragma once

#include "context.h"

namespace netrt {

/// The cached plan for `kind` within `workspace`, or null. Epilogue: bias and relu, for the forward kind. The choice is made once for each kind,
/// epilogue, shape and number of bytes, so that a call made again with as many bytes runs the same engine and leaves the same bits.
const CudnnPlan* conv_plan(Context& ctx, ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue, const Workspace& workspace);

/// Runs the best cuDNN engine for `kind`; false where there is none and nothing was done. All pointers must be aligned to 16 bytes, else false.
/// `kernel` names the caller in messages.
bool conv_by_cudnn(Context& ctx, const char* kernel, ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue, const CudnnConvArguments& arguments,
                   const Workspace& workspace);

}  // namespace netrt
