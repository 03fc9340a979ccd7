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

}  // namespace netc
