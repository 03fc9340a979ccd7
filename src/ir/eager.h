// What a layer does in eager PyTorch, as far as memory sees it: the calls, what each allocates, what autograd keeps for its backward pass, and
// what that pass allocates. The rules are PyTorch's (tools/autograd/derivatives.yaml and the kernels); docs/like_pytorch.md has them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "support/checked.h"

namespace netc {

/// Bytes of a tensor by batch. Overflow is remembered, as in Size.
struct Extent {
  Size per_sample = 0, fixed = 0;

  Size at(int64_t batch) const { return per_sample * Size(batch) + fixed; }
};

/// A tensor that a call reads or keeps, relative to its layer.
struct EagerTensor {
  enum class Kind : uint8_t {
    x,       ///< input `index` of the layer
    made,    ///< the result of the layer's call `index`
    param,   ///< parameter `index`
    result,  ///< the result of this call
    target,  ///< what the loss compares with
  } kind = Kind::x;
  int index = 0;
};

/// What the backward pass of a call gives back for one of its inputs.
enum class EagerGradient : uint8_t {
  none,
  fresh,   ///< a new tensor of the input's size
  passed,  ///< the gradient of the result itself
  part,    ///< a view of the gradient of the result, in a layout of its own: a slice, a value repeated
};

struct EagerInput {
  EagerTensor tensor;
  EagerGradient gradient = EagerGradient::fresh;
};

struct EagerKept {
  std::string_view what;  ///< "int64 indices of the maxima"
  Extent bytes;
};

enum class EagerResult : uint8_t {
  fresh,
  view,  ///< another name for the first input's bytes
  over,  ///< in place, over the first input, where autograd permits; saves its result then
};

/// One call of an eager program.
struct EagerCall {
  std::vector<EagerInput> inputs;  ///< in the order in which the backward pass makes their gradients
  Extent bytes;                    ///< of the result
  EagerResult result = EagerResult::fresh;
  std::vector<EagerTensor> saves = {};  ///< tensors autograd keeps that exist anyway
  std::vector<EagerKept> kept = {};     ///< and such as exist for it alone
  Extent scratch = {}, backward_scratch = {};  ///< allocated during the call only
  int64_t module_bytes = 0;  ///< what its module holds besides netc's parameters and states: bn counts its batches
  bool blas = false;        ///< uses cuBLAS, whose handle takes a workspace at its first call
  bool any_layout = false;  ///< its backward pass takes a gradient as it lies; others copy a `part` together first
};

}  // namespace netc
