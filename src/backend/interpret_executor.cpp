#include "backend/interpret_executor.h"

#include "support/check.h"

namespace netc {

void* Executor::pointer(int value) const {
  return value < 0 ? nullptr : arena_ + schedule_.buffers[schedule_.values[static_cast<size_t>(value)].buffer.at()].offset;
}

void Executor::bind(char* arena) {
  arena_ = arena;
  calls_.clear();
  for (const Call& call : schedule_.calls) {
    const KernelEntry* entry = find_kernel(call.kernel);
    NETC_CHECK(entry, "a plan calls a kernel that the runtime does not have");
    NETC_CHECK(entry->pointers == call.outputs.size() + call.inputs.size(), "a plan calls a kernel with the wrong number of tensors");
    Bound bound;
    bound.run = entry->bind(call.desc, batch_);
    for (int value : call.outputs) bound.pointers.push_back(pointer(value));
    for (int value : call.inputs) bound.pointers.push_back(pointer(value));
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
