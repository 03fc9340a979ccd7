#include "plan/plan.h"

namespace netc {

std::string_view memory_class_name(MemoryClass c) {
  constexpr std::string_view names[] = {"parameters", "optimizer", "state", "gradients", "saved", "transient", "workspace", "input"};
  return names[static_cast<size_t>(c)];
}

}  // namespace netc
