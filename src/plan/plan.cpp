#include "plan/plan.h"

namespace netc {

std::string_view memory_class_name(MemoryClass c) {
  constexpr std::string_view names[] = {"parameters", "optimizer", "state", "gradients", "saved", "transient", "workspace", "input"};
  return names[static_cast<size_t>(c)];
}

std::string_view reason(const Buffer& buffer) {
  if (!buffer.why.empty()) return buffer.why;
  return buffer.cls == MemoryClass::gradients ? "until its parameter is updated" : "until its last reader has run";
}

Stretch operand_stretch(const Call& call, const PlannedValue& value, int64_t batch) {
  if (!value.type.batched || value.slices > 1) return {0, type_bytes(value.type, batch / value.slices).value()};
  const int64_t bytes = type_bytes(value.type, batch / call.slice.count).value();
  return {call.slice.index * bytes, bytes};
}

}  // namespace netc
