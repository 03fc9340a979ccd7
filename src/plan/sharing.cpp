#include "plan/sharing.h"

namespace netc {

void Sharing::run(std::span<const Access> calls, std::span<const int64_t> bytes, int wanted_after) {
  buffers_.clear();
  buffer_of_.assign(bytes.size(), -1);
  last_read_.assign(bytes.size(), -1);
  for (size_t i = 0; i < calls.size(); ++i)
    for (int input : calls[i].inputs)
      if (input >= 0) last_read_[static_cast<size_t>(input)] = static_cast<int>(i);
  if (wanted_after >= 0) last_read_[static_cast<size_t>(wanted_after)] = static_cast<int>(calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    const Access& call = calls[i];
    const int position = static_cast<int>(i);
    for (int input : call.inputs)
      if (input >= 0 && buffer_of(input) >= 0) buffers_[static_cast<size_t>(buffer_of(input))].last = position;
    for (size_t k = 0; k < call.outputs.size(); ++k) {
      const int output = call.outputs[k];
      if (output < 0 || bytes[static_cast<size_t>(output)] == kAlways) continue;
      int& buffer = buffer_of_[static_cast<size_t>(output)];
      if (buffer < 0 && k == 0) buffer = shared(call, bytes, position);
      if (buffer < 0) {
        buffer = static_cast<int>(buffers_.size());
        buffers_.push_back({position, position, rounded(bytes[static_cast<size_t>(output)])});
      }
      buffers_[static_cast<size_t>(buffer)].last = position;
    }
    if (call.workspace > 0) buffers_.push_back({position, position, call.workspace});
  }
}

/// The buffer outputs[0] takes over, if any: of the value it continues, or of an input that nobody reads after this call.
int Sharing::shared(const Access& call, std::span<const int64_t> bytes, int position) const {
  if (call.continues >= 0) return buffer_of(call.continues);
  if (call.in_place == Access::kNotInPlace) return -1;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const int input = call.inputs[i];
    if (input < 0 || (call.in_place >= 0 && static_cast<size_t>(call.in_place) != i)) continue;
    if (last_read_[static_cast<size_t>(input)] > position) continue;
    const int buffer = buffer_of(input);
    if (buffer < 0 || bytes[static_cast<size_t>(input)] != bytes[static_cast<size_t>(call.outputs[0])]) continue;
    if (!read_twice(call, i, buffer)) return buffer;
  }
  return -1;
}

/// A buffer that the call also reads as another argument may be overwritten only where both are read element by element:
/// sums may, nothing else is asked to.
bool Sharing::read_twice(const Access& call, size_t which, int buffer) const {
  if (call.in_place < 0) return false;
  for (size_t i = 0; i < call.inputs.size(); ++i)
    if (i != which && call.inputs[i] >= 0 && buffer_of(call.inputs[i]) == buffer) return true;
  return false;
}

}  // namespace netc
