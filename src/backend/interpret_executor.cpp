#include "backend/interpret_executor.h"

#include "support/check.h"

namespace netc {

void* Executor::pointer(int value) const {
  return value < 0 ? nullptr : arena_ + schedule_.buffers[schedule_.values[static_cast<size_t>(value)].buffer.at()].offset;
}

void* Executor::operand(const Call& call, int value) const {
  if (value < 0) return nullptr;
  return static_cast<char*>(pointer(value)) + operand_stretch(call, schedule_.values[static_cast<size_t>(value)], batch_).offset;
}

void Executor::bind(char* arena) {
  arena_ = arena;
  calls_.clear();
  for (const Call& call : schedule_.calls) {
    const KernelEntry* entry = find_kernel(call.kernel);
    NETC_CHECK(entry, "a plan calls a kernel that the runtime does not have");
    NETC_CHECK(entry->pointers == call.outputs.size() + call.inputs.size(), "a plan calls a kernel with the wrong number of tensors");
    Bound bound;
    bound.run = entry->bind(call.desc, batch_ / call.slice.count);
    for (const auto* operands : {&call.outputs, &call.inputs})
      for (int value : *operands) bound.pointers.push_back(operand(call, value));
    bound.workspace = {call.workspace_bytes ? arena + call.workspace_offset : nullptr, static_cast<size_t>(call.workspace_bytes)};
    calls_.push_back(std::move(bound));
  }
}

void Executor::run(netrt::Context& ctx, Section section, const Observer& observer) {
  for (size_t i = 0; i < calls_.size(); ++i) {
    if (schedule_.calls[i].section != section) continue;
    if (observer.before) observer.before(i);
    calls_[i].run(ctx, calls_[i].pointers.data(), calls_[i].workspace);
    if (observer.after) observer.after(i);
  }
}

}  // namespace netc
