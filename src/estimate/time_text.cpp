#include "estimate/time_text.h"

#include <fmt/format.h>

#include "estimate/table.h"
#include "estimate/units.h"

namespace netc {

namespace {

/// A cost as a whole number; a step beyond 2^63 does not end.
int64_t whole(double amount) { return amount < 9.2e18 ? static_cast<int64_t>(amount) : INT64_MAX; }

void add_calls(Table& table, const CallsTime& calls) {
  table.add(calls.cost.flops > 0 ? count_text(whole(calls.cost.flops)) : "-");
  table.add(mib(whole(calls.cost.bytes)));
  table.add(calls.seconds > 0 ? seconds_text(calls.seconds) : "-");
}

nlohmann::ordered_json calls_json(const CallsTime& calls) {
  return {{"flops", whole(calls.cost.flops)}, {"bytes", whole(calls.cost.bytes)}, {"seconds", calls.seconds}};
}

std::string totals_line(const char* what, const CallsTime& calls) {
  return fmt::format("  {:<22}{:>10}   {:>7} FLOPs, {:>10} moved; {:.0f} % of the time bound by memory\n", what, seconds_text(calls.seconds),
                     count_text(whole(calls.cost.flops)), memory_text(whole(calls.cost.bytes)),
                     calls.seconds > 0 ? 100 * calls.moving / calls.seconds : 0);
}

}  // namespace

std::string time_text(const Report& report) {
  const TimeTable& time = *report.time;
  const std::string micro = report.micro_steps > 1 ? fmt::format(" x {} micro-steps", report.micro_steps) : "";
  std::string text = fmt::format(
      "Time of {} at batch {}{} on a {}: a lower bound by the roofline model, not a measurement.\n"
      "Each call takes the longer of its arithmetic, at {:.0f} % of {:.1f} TFLOP/s (fp32), and of moving every operand once, at {:.0f} % of {} GB/s;\n"
      "launches, waiting and reading data take nothing. FLOPs, MiB moved and time{}.\n",
      report.training ? "one training step" : "inference", grouped(report.batch), micro, time.gpu->name, 100 * kSustainedArithmetic, time.gpu->fp32,
      100 * kSustainedBandwidth, time.gpu->bandwidth, report.training ? " forward, then backward with the updates" : "");
  std::vector<std::string_view> titles{"line", "layer", "statement", "FLOPs", "moved", "forward", "FLOPs", "moved", "backward", "bound by"};
  if (!report.training) titles.erase(titles.end() - 4, titles.end() - 1);
  Table table(titles.size());
  for (const std::string_view title : titles) table.add(title);
  for (size_t i = 0; i < report.layers.size(); ++i) {
    const LayerRow& layer = report.layers[i];
    table.add(layer.line > 0 ? fmt::to_string(layer.line) : "");
    table.add(shortened_name(layer.name, 16));
    table.add(shortened(layer.source, 22));
    add_calls(table, time.layers[i].forward);
    if (report.training) add_calls(table, time.layers[i].backward);
    table.add(bound_by(time.layers[i]));
  }
  text += table.text(3);
  text += totals_line("forward", time.sum.forward);
  if (report.training) text += totals_line("backward and updates", time.sum.backward);
  return text + fmt::format("  {:<22}{:>10}   at most {} samples/s\n", report.training ? "step" : "batch", seconds_text(time.seconds()),
                            grouped(whole(time.samples_per_second)));
}

nlohmann::ordered_json layer_time_json(const LayerTime& time) {
  return {{"forward", calls_json(time.forward)}, {"backward", calls_json(time.backward)}, {"bound", bound_by(time)}};
}

nlohmann::ordered_json time_json(const TimeTable& time) {
  const Rates rates = sustained_rates(*time.gpu);
  nlohmann::ordered_json json = layer_time_json(time.sum);
  json["seconds"] = time.seconds();
  json["samples_per_second"] = time.samples_per_second;
  json["card"] = time.gpu->id;
  json["flops_per_second"] = rates.flops_per_second;
  json["bytes_per_second"] = rates.bytes_per_second;
  return json;
}

}  // namespace netc
