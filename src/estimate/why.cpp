#include "estimate/why.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "estimate/table.h"
#include "estimate/units.h"

namespace netc {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kSmallShare = 0.01;  ///< of the peak: below it buffers are summed up
constexpr size_t kShownChanges = 3;

std::string moment_of(const Graph& graph, const Schedule& schedule) {
  if (static_cast<size_t>(schedule.peak) >= schedule.calls.size()) return "when its result is read";
  const Call& call = schedule.calls[static_cast<size_t>(schedule.peak)];
  const std::string layer = call.layer.valid() ? graph[call.layer].name : std::string(call.kernel);
  if (call.phase == Phase::forward) return fmt::format("while {} runs forward", layer);
  if (call.phase == Phase::update) {
    const int updated = call.outputs.empty() ? -1 : call.outputs[0];
    return fmt::format("during {}{}", call.purpose, updated < 0 ? "" : fmt::format(" ({})", schedule.values[static_cast<size_t>(updated)].name));
  }
  const std::string purpose(call.purpose.empty() ? std::string_view("the gradient") : std::string_view(call.purpose));
  // "the gradients of its input, gamma and beta" has its own `of`.
  return purpose.find(" its ") == std::string::npos ? fmt::format("while {} of {} is made", purpose, layer)
                                                    : fmt::format("while {} makes {}", layer, purpose);
}

std::string share_text(int64_t bytes, int64_t of) { return fmt::format("{:>5.1f} %", 100.0 * static_cast<double>(bytes) / static_cast<double>(of)); }

void add_row(Table& table, const std::string& line, const std::string& name, std::string_view cls, const std::string& bytes, const std::string& share,
             const std::string& why) {
  for (const std::string* cell : {&line, &name}) table.add(*cell);
  table.add(cls);
  for (const std::string* cell : {&bytes, &share, &why}) table.add(*cell);
}

std::string alive_table(const Peak& peak) {
  Table table(6);
  add_row(table, "line", "tensor", "class", fmt::format("{:>17}", "bytes"), "  share", "why it is there");
  std::map<MemoryClass, std::pair<int, int64_t>> small;
  for (const Alive& alive : peak.alive) {
    if (static_cast<double>(alive.bytes) < kSmallShare * static_cast<double>(peak.bytes)) {
      small[alive.cls].first += 1;
      small[alive.cls].second += alive.bytes;
      continue;
    }
    add_row(table, alive.line > 0 ? fmt::to_string(alive.line) : "", shortened_name(alive.name, 28), memory_class_name(alive.cls),
            fmt::format("{:>17}", grouped(alive.bytes)), share_text(alive.bytes, peak.bytes), alive.why);
  }
  for (const auto& [cls, sum] : small)
    add_row(table, "", fmt::format("{} small one{}", grouped(sum.first), sum.first == 1 ? "" : "s"), memory_class_name(cls),
            fmt::format("{:>17}", grouped(sum.second)), share_text(sum.second, peak.bytes), "below 1 % each");
  return table.text(6);
}

std::string time_text(const Change& change) {
  return change.more_time ? fmt::format("; {:+.1f} % time by the roofline", 100 * *change.more_time) : std::string();
}

std::string changes_text(const Why& why) {
  if (why.changes.empty()) return fmt::format("None of the {} changes that were planned lowers the arena.\n", why.tried);
  std::string text = fmt::format("What would lower the arena most (the best of each kind among {} changes, each planned):\n", why.tried);
  for (size_t i = 0; i < std::min(why.changes.size(), kShownChanges); ++i) {
    const Change& change = why.changes[i];
    text += fmt::format("  -{:>17} B  {:>6.1f} %   {}\n{:30}   {}\n", grouped(why.arena - change.arena),
                        100.0 * static_cast<double>(why.arena - change.arena) / static_cast<double>(why.arena), change.text, "",
                        fmt::format("to {} ({}); {}{}", grouped(change.arena), memory_text(change.arena), change.effect, time_text(change)));
  }
  return text;
}

}  // namespace

Peak find_peak(const Graph& graph, const Plan& plan) {
  Peak peak;
  peak.evaluation = plan.train.calls.empty() || plan.evaluate.end > plan.train.end;
  const Schedule& schedule = peak.evaluation ? plan.evaluate : plan.train;
  peak.position = schedule.peak;
  peak.moment = moment_of(graph, schedule);
  for (const Buffer& buffer : schedule.buffers) {
    if (buffer.first > schedule.peak || buffer.last < schedule.peak || buffer.bytes == 0) continue;
    peak.bytes += buffer.bytes;
    peak.alive.push_back({buffer.name, buffer.cls, buffer.bytes, buffer.where.line, std::string(reason(buffer))});
  }
  std::stable_sort(peak.alive.begin(), peak.alive.end(), [](const Alive& a, const Alive& b) { return a.bytes > b.bytes; });
  return peak;
}

std::string why_text(const Why& why) {
  const Peak& peak = why.peak;
  const std::string batch = why.micro_steps > 1 ? fmt::format("{}x{}", why.micro_steps, why.batch) : grouped(why.batch);
  std::string text = fmt::format("{}: at batch {} most is alive {}{}: {} bytes ({})\n", why.network, batch,
                                 peak.evaluation && why.training ? "in an evaluation batch, " : "", peak.moment, grouped(peak.bytes), memory_text(peak.bytes));
  const int64_t gap = why.arena - peak.bytes;
  text += gap == 0 ? "The arena is exactly as large.\n\n" : fmt::format("The arena is {} bytes larger: offsets leave gaps.\n\n", grouped(gap));
  return text + alive_table(peak) + "\n" + changes_text(why);
}

Json why_json(const Why& why) {
  Json json;
  json["network"] = why.network;
  json["target"] = why.target;
  json["training"] = why.training;
  json["batch"] = why.batch;
  json["micro_steps"] = why.micro_steps;
  json["arena"] = why.arena;
  const Peak& peak = why.peak;
  json["peak"] = {{"in", peak.evaluation ? "evaluation" : "training"}, {"position", peak.position}, {"moment", peak.moment}, {"bytes", peak.bytes}};
  json["alive"] = Json::array();
  for (const Alive& alive : why.peak.alive) {
    const double share = static_cast<double>(alive.bytes) / static_cast<double>(why.peak.bytes);
    json["alive"].push_back({{"name", alive.name}, {"class", memory_class_name(alive.cls)}, {"bytes", alive.bytes}, {"share", share},
                             {"line", alive.line}, {"why", alive.why}});
  }
  json["tried"] = why.tried;
  json["changes"] = Json::array();
  for (const Change& change : why.changes) {
    json["changes"].push_back({{"kind", change.kind}, {"change", change.text}, {"effect", change.effect}, {"same_results", change.same_results},
                               {"arena", change.arena}, {"saved", why.arena - change.arena},
                               {"more_time", change.more_time ? Json(*change.more_time) : Json()}});
  }
  return json;
}

}  // namespace netc
