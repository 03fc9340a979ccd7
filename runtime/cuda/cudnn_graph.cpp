#include "cudnn_graph.h"

#include <algorithm>
#include <array>
#include <utility>

namespace netrt {
namespace {

// Names of the tensors inside a graph; the variant pack binds pointers to them.
constexpr int64_t kX = 1, kW = 2, kY = 3, kBias = 4, kConvOut = 5, kBiasOut = 6;

// A descriptor under construction. After the first failure the rest does nothing and `take` gives null.
class Builder {
 public:
  explicit Builder(cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t raw = nullptr;
    ok_ = cudnnBackendCreateDescriptor(type, &raw) == CUDNN_STATUS_SUCCESS;
    descriptor_.reset(ok_ ? raw : nullptr);
  }

  Builder& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count, const void* values) {
    ok_ = ok_ && cudnnBackendSetAttribute(descriptor_.get(), name, type, count, values) == CUDNN_STATUS_SUCCESS;
    return *this;
  }
  template <class Values>
  Builder& set_list(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const Values& values) {
    return set(name, type, static_cast<int64_t>(values.size()), values.data());
  }
  template <class Value>
  Builder& set_one(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, Value value) {
    return set(name, type, 1, &value);
  }
  Builder& set_part(cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t part) {
    ok_ = ok_ && part != nullptr;
    return set_one(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, part);
  }

  CudnnDescriptor take() {
    ok_ = ok_ && cudnnBackendFinalize(descriptor_.get()) == CUDNN_STATUS_SUCCESS;
    return ok_ ? std::move(descriptor_) : nullptr;
  }

 private:
  CudnnDescriptor descriptor_;
  bool ok_ = false;
};

// Dimensions in cuDNN's order n, c, h, w; strides of n, h, w, c in memory (weights: k, r, s, c).
CudnnDescriptor tensor(int64_t uid, int64_t n, int64_t c, int64_t h, int64_t w, bool is_virtual) {
  const std::array<int64_t, 4> dims = {n, c, h, w}, strides = {h * w * c, 1, w * c, c};
  return Builder(CUDNN_BACKEND_TENSOR_DESCRIPTOR)
      .set_one(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, uid)
      .set_one(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set_one(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, int64_t{16})
      .set_list(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, dims)
      .set_list(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, strides)
      .set_one(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual)
      .take();
}

// How far the last window reaches beyond the input; negative where trailing pixels go unused.
int64_t reach(int32_t out, int32_t stride, int32_t kernel, int32_t dilation, int32_t in, int32_t pad_before) {
  return int64_t{out - 1} * stride + int64_t{kernel - 1} * dilation + 1 - in - pad_before;
}

CudnnDescriptor convolution(const ConvDesc& d) {
  const std::array<int64_t, 2> pre = {d.pad_top, d.pad_left}, stride = {d.stride_h, d.stride_w}, dilation = {d.dilation_h, d.dilation_w};
  const std::array<int64_t, 2> post = {std::max<int64_t>(0, reach(d.oh, d.stride_h, d.r, d.dilation_h, d.h, d.pad_top)),
                                       std::max<int64_t>(0, reach(d.ow, d.stride_w, d.s, d.dilation_w, d.w, d.pad_left))};
  return Builder(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
      .set_one(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set_one(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set_one(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, int64_t{2})
      .set_list(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, pre)
      .set_list(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, post)
      .set_list(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, stride)
      .set_list(CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, dilation)
      .take();
}

struct ConvAttributes {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t alpha, beta, conv, x, w, y;
};

ConvAttributes attributes_of(ConvKind kind) {
  switch (kind) {
    case ConvKind::forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y};
    case ConvKind::backward_data:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY};
    case ConvKind::backward_weights: break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,               CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY};
}

CudnnDescriptor conv_operation(ConvKind kind, cudnnBackendDescriptor_t conv, cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                               cudnnBackendDescriptor_t y) {
  const ConvAttributes a = attributes_of(kind);
  return Builder(a.type)
      .set_part(a.conv, conv)
      .set_part(a.x, x)
      .set_part(a.w, w)
      .set_part(a.y, y)
      .set_one(a.alpha, CUDNN_TYPE_FLOAT, 1.0f)
      .set_one(a.beta, CUDNN_TYPE_FLOAT, 0.0f)
      .take();
}

CudnnDescriptor pointwise(cudnnPointwiseMode_t mode) {
  return Builder(CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
      .set_one(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode)
      .set_one(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .take();
}

// y = mode(x) or, with `b`, mode(x, b).
CudnnDescriptor pointwise_operation(cudnnBackendDescriptor_t mode, cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t b,
                                    cudnnBackendDescriptor_t y) {
  Builder builder(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  builder.set_part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, mode).set_part(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b != nullptr) builder.set_part(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
  return builder.set_part(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y).take();
}

// Numbers of a list attribute whose elements are enums.
template <class Value>
std::vector<Value> list_of(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) {
  int64_t count = 0;
  if (cudnnBackendGetAttribute(d, name, type, 0, &count, nullptr) != CUDNN_STATUS_SUCCESS || count == 0) return {};
  std::vector<Value> values(static_cast<size_t>(count));
  if (cudnnBackendGetAttribute(d, name, type, count, &count, values.data()) != CUDNN_STATUS_SUCCESS) return {};
  values.resize(static_cast<size_t>(count));
  return values;
}

}  // namespace

bool cudnn_can_express(const ConvDesc& d) {
  return reach(d.oh, d.stride_h, d.r, d.dilation_h, d.h, d.pad_top) > -int64_t{d.stride_h} &&
         reach(d.ow, d.stride_w, d.s, d.dilation_w, d.w, d.pad_left) > -int64_t{d.stride_w} && d.pad_top >= 0 && d.pad_left >= 0;
}

std::optional<CudnnConvGraph> cudnn_conv_graph(ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue) {
  CudnnConvGraph result;
  const auto keep = [&](CudnnDescriptor part) {
    result.parts.push_back(std::move(part));
    return result.parts.back().get();
  };
  const cudnnBackendDescriptor_t x = keep(tensor(kX, d.n, d.c, d.h, d.w, false));
  const cudnnBackendDescriptor_t w = keep(tensor(kW, d.k, d.c / d.groups, d.r, d.s, false));
  const bool fused = epilogue.bias || epilogue.relu;
  cudnnBackendDescriptor_t y = keep(tensor(fused ? kConvOut : kY, d.n, d.k, d.oh, d.ow, fused));
  std::vector<cudnnBackendDescriptor_t> operations = {keep(conv_operation(kind, keep(convolution(d)), x, w, y))};
  if (epilogue.bias) {
    const cudnnBackendDescriptor_t bias = keep(tensor(kBias, 1, d.k, 1, 1, false));
    const cudnnBackendDescriptor_t sum = keep(tensor(epilogue.relu ? kBiasOut : kY, d.n, d.k, d.oh, d.ow, epilogue.relu));
    operations.push_back(keep(pointwise_operation(keep(pointwise(CUDNN_POINTWISE_ADD)), y, bias, sum)));
    y = sum;
  }
  if (epilogue.relu) {
    const cudnnBackendDescriptor_t out = keep(tensor(kY, d.n, d.k, d.oh, d.ow, false));
    operations.push_back(keep(pointwise_operation(keep(pointwise(CUDNN_POINTWISE_RELU_FWD)), y, nullptr, out)));
  }
  for (const CudnnDescriptor& part : result.parts) {
    if (part == nullptr) return std::nullopt;
  }
  result.graph = Builder(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)
                     .set_list(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations)
                     .take();
  if (result.graph == nullptr) return std::nullopt;
  return result;
}

std::vector<CudnnDescriptor> cudnn_engines(const CudnnConvGraph& graph, cudnnBackendHeurMode_t mode, const CudnnPlanner& planner) {
  Builder builder(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  builder.set_part(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph.get()).set_one(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  if (planner.device != nullptr) builder.set_part(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, planner.device);
  const CudnnDescriptor heuristic = builder.take();
  int64_t count = 0;
  if (heuristic == nullptr || cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count,
                                                       nullptr) != CUDNN_STATUS_SUCCESS) {
    return {};
  }
  std::vector<CudnnDescriptor> configs;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int64_t i = 0; i < count; ++i) {
    cudnnBackendDescriptor_t config = nullptr;
    if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &config) != CUDNN_STATUS_SUCCESS) return {};
    configs.emplace_back(config);
    raw.push_back(config);
  }
  int64_t filled = 0;
  if (cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &filled, raw.data()) !=
      CUDNN_STATUS_SUCCESS) {
    return {};
  }
  configs.resize(static_cast<size_t>(std::min(filled, count)));
  return configs;
}

bool cudnn_engine_is_exact(cudnnBackendDescriptor_t engine_config) {
  cudnnBackendDescriptor_t raw = nullptr;
  if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &raw) != CUDNN_STATUS_SUCCESS) return false;
  const CudnnDescriptor engine(raw);
  int64_t count = 0;
  if (cudnnBackendGetAttribute(engine_config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw) !=
      CUDNN_STATUS_SUCCESS) {
    return false;
  }
  const auto notes = list_of<cudnnBackendNumericalNote_t>(raw, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE);
  return std::none_of(notes.begin(), notes.end(), [](cudnnBackendNumericalNote_t note) {
    return note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE || note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
           note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION || note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
  });
}

std::optional<CudnnPlan> cudnn_plan(const CudnnDescriptor& engine_config, const CudnnPlanner& planner) {
  Builder builder(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  builder.set_part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine_config.get());
  if (planner.device != nullptr) builder.set_part(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, planner.device);
  if (planner.handle != nullptr) builder.set_one(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, planner.handle);
  CudnnPlan result;
  result.plan = builder.take();
  int64_t workspace = 0, count = 0;
  if (result.plan == nullptr || cudnnBackendGetAttribute(result.plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                                                         &workspace) != CUDNN_STATUS_SUCCESS) {
    return std::nullopt;
  }
  result.workspace = static_cast<size_t>(workspace);
  return result;
}

std::optional<CudnnPlan> cudnn_choose(ConvKind kind, const ConvDesc& d, ConvEpilogue epilogue, size_t workspace, const CudnnPlanner& planner) {
  if (!cudnn_can_express(d)) return std::nullopt;
  const std::optional<CudnnConvGraph> graph = cudnn_conv_graph(kind, d, epilogue);
  if (!graph) return std::nullopt;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const CudnnDescriptor& config : cudnn_engines(*graph, mode, planner)) {
      if (!cudnn_engine_is_exact(config.get())) continue;
      std::optional<CudnnPlan> plan = cudnn_plan(config, planner);
      if (!plan || plan->workspace > workspace) continue;
      plan->epilogue = epilogue;
      return plan;
    }
  }
  return std::nullopt;
}

cudnnStatus_t cudnn_execute(cudnnHandle_t handle, const CudnnPlan& plan, const CudnnConvArguments& arguments, void* workspace) {
  std::vector<int64_t> names = {kX, kW, kY};
  std::vector<const void*> pointers = {arguments.x, arguments.w, arguments.y};
  if (plan.epilogue.bias) {
    names.push_back(kBias);
    pointers.push_back(arguments.bias);
  }
  const CudnnDescriptor pack = Builder(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
                                   .set_list(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, names)
                                   .set_list(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, pointers)
                                   .set_one(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace)
                                   .take();
  if (pack == nullptr) return CUDNN_STATUS_BAD_PARAM;
  return cudnnBackendExecute(handle, plan.plan.get(), pack.get());
}

}  // namespace netrt
