// Calls that run on a slice of the batch: which samples of which operand they touch.
#include "plan/validate_internal.h"

namespace netc::validation {

namespace {

constexpr int64_t kWanted = 16;  ///< bytes: what cuDNN asks of a tensor's address

/// Whether the batch falls into so many equal slices.
bool divides(int slices, int64_t batch) { return slices >= 1 && batch % slices == 0; }

void check_operand(const Subject& subject, int position, int index) {
  const Slice& slice = subject.schedule.calls[static_cast<size_t>(position)].slice;
  const PlannedValue& value = subject.schedule.values[static_cast<size_t>(index)];
  if (!value.type.batched) return;
  if (value.slices > 1) {
    if (value.slices != slice.count) {
      subject.complaints.add("{}: runs on one of {} slices, but '{}' holds one of {}", subject.call_name(position), slice.count, value.name, value.slices);
    }
    return;
  }
  const __int128 sample_bits = static_cast<__int128>(elements(value.type.shape).value()) * dtype_bits(value.type.dtype);
  const __int128 begin = sample_bits * (subject.plan.batch / slice.count) * slice.index;
  if (begin % (8 * kWanted) != 0) subject.complaints.add("{}: its slice of '{}' is not aligned", subject.call_name(position), value.name);
  const int64_t bytes = subject.buffer_of(index).bytes;
  if (begin + sample_bits * (subject.plan.batch / slice.count) > static_cast<__int128>(bytes) * 8 && slice.count > 1) {
    subject.complaints.add("{}: its slice of '{}' ends beyond the buffer", subject.call_name(position), value.name);
  }
}

}  // namespace

bool check_slices(const Subject& subject) {
  const int64_t batch = subject.plan.batch;
  const size_t before = subject.complaints.list.size();
  for (const Buffer& buffer : subject.schedule.buffers)
    if (!divides(buffer.slices, batch)) subject.complaints.add("{}: '{}' holds one of {} slices of {} samples", subject.name, buffer.name, buffer.slices, batch);
  for (const PlannedValue& value : subject.schedule.values)
    if (!divides(value.slices, batch)) subject.complaints.add("{}: '{}' holds one of {} slices of {} samples", subject.name, value.name, value.slices, batch);
  for (int t = 0; t < subject.calls(); ++t) {
    const Slice& slice = subject.schedule.calls[static_cast<size_t>(t)].slice;
    if (!divides(slice.count, batch) || slice.index < 0 || slice.index >= slice.count)
      subject.complaints.add("{}: runs on slice {} of {} of {} samples", subject.call_name(t), slice.index, slice.count, batch);
  }
  if (subject.complaints.list.size() != before) return false;
  for (int t = 0; t < subject.calls(); ++t) {
    const Call& call = subject.schedule.calls[static_cast<size_t>(t)];
    for (const auto* operands : {&call.outputs, &call.inputs})
      for (int value : *operands)
        if (value >= 0) check_operand(subject, t, value);
  }
  return subject.complaints.list.size() == before;
}

}  // namespace netc::validation
