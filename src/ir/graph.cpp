#include "ir/graph.h"

namespace netc {

ValueId Graph::add(Value value) {
  values.push_back(std::move(value));
  return ValueId{static_cast<int32_t>(values.size() - 1)};
}

LayerId Graph::add(Layer layer) {
  layers.push_back(std::move(layer));
  return LayerId{static_cast<int32_t>(layers.size() - 1)};
}

ValueId Graph::storage(ValueId id) const {
  while (id.valid() && (*this)[id].same_as.valid()) id = (*this)[id].same_as;
  return id;
}

Size value_bytes(const Value& value, int64_t batch) { return type_bytes(value.type, batch / value.slices); }

bool decays(const Value& parameter, DecayScope scope) {
  if (scope == DecayScope::all) return true;
  if (scope == DecayScope::matrices) return parameter.type.shape.size() >= 2;
  return parameter.role == ParamRole::weight;
}

LayerInfo Graph::info(const Layer& layer, std::vector<Shape>& shapes, int part) const {
  shapes.clear();
  for (ValueId input : layer.inputs) shapes.push_back((*this)[input].type.shape);
  LayerInfo info{layer.args, shapes, (*this)[layer.output].type.shape};
  info.has_bias = layer.has_bias;
  info.activation = layer.activation;
  info.alpha = layer.alpha;
  info.part = part;
  return info;
}

}  // namespace netc
