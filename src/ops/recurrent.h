// What lstm and gru share: layers over T x C, each a projection of all tokens and a recurrence over time, in one direction or two. The two
// ops differ in their gates and in what their recurrence keeps.
#pragma once

#include "ir/op.h"

namespace netc::ops {

struct RecurrentCell {
  int64_t gates;
  Literal forward, backward;  ///< kernels of the recurrence
  std::string_view gates_what;         ///< what is kept in place of the projection
  std::string_view kept, kept_what;    ///< the other tensor that is kept, one value a hidden unit
  int64_t unit_flops;                  ///< other than multiply-accumulates and biases, for one hidden unit and token
  std::string_view torch_module;
};

std::vector<ArgSpec> recurrent_args();
std::optional<Shape> recurrent_infer(const InferContext& context, const RecurrentCell& cell);
std::vector<ParamSpec> recurrent_params(const LayerInfo& info, const RecurrentCell& cell);
Size recurrent_macs(const LayerInfo& info, const RecurrentCell& cell);
Size recurrent_flops(const LayerInfo& info, const RecurrentCell& cell);
int recurrent_parts(const LayerInfo& info);
PartSpec recurrent_between(const LayerInfo& info, const RecurrentCell& cell);
std::vector<Alternative> recurrent_lower(const LayerInfo& info, const RecurrentCell& cell);
TorchLayer recurrent_torch(const LayerInfo& info, const RecurrentCell& cell);
std::vector<EagerCall> recurrent_eager(const LayerInfo& info, const RecurrentCell& cell);

}  // namespace netc::ops
