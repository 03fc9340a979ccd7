#include "estimate/text.h"

#include <fmt/format.h>

#include "estimate/table.h"
#include "estimate/time_text.h"
#include "estimate/units.h"

namespace netc {

namespace {

void add_bytes(Table& table, const ClassBytes& bytes) {
  table.add(mib(bytes[MemoryClass::parameters] + bytes[MemoryClass::optimizer] + bytes[MemoryClass::state] + bytes[MemoryClass::input]));
  for (MemoryClass c : {MemoryClass::gradients, MemoryClass::saved, MemoryClass::transient, MemoryClass::workspace}) table.add(mib(bytes[c]));
}

std::string layer_table(const Report& report) {
  constexpr std::string_view titles[] = {"line",  "layer", "statement", "output",    "parameters", "FLOPs",
                                         "always", "grads", "saved",     "transient", "scratch"};
  Table table(std::size(titles));
  for (const std::string_view title : titles) table.add(title);
  for (const LayerRow& layer : report.layers) {
    table.add(layer.line > 0 ? fmt::to_string(layer.line) : "");
    table.add(shortened_name(layer.name, 16));
    table.add(shortened(layer.place.empty() ? layer.source : fmt::format("{} ({})", layer.source, short_place(layer.place)), 26));
    table.add(shape_text(layer.output));
    table.add(layer.parameters ? grouped(layer.parameters) : "-");
    table.add(layer.flops ? count_text(layer.flops) : "-");
    add_bytes(table, layer.bytes);
  }
  for (const std::string_view cell : {"", "sum", "", ""}) table.add(cell);
  table.add(grouped(report.totals.parameters));
  table.add(count_text(report.totals.flops));
  add_bytes(table, report.totals.bytes);
  return "Memory in MiB for the batch, before buffers share bytes; `always`: parameters, optimiser, statistics, input.\n"
         "FLOPs of the forward pass, one sample.\n" +
         table.text(4);
}

std::string saved_list(const Report& report) {
  if (report.saved.empty()) return {};
  Table table(4);
  for (const SavedTensor& saved : report.saved) {
    table.add("");
    table.add(shortened_name(saved.name, 28));
    table.add(fmt::format("{:>12}", memory_text(saved.bytes)));
    table.add(saved.why);
  }
  return "\nKept for the backward pass:\n" + table.text(4);
}

std::string line(const std::string& what, int64_t bytes, const std::string& remark = {}) {
  return fmt::format("  {:<20}{:>22} B  {:>12}{}{}\n", what, grouped(bytes), memory_text(bytes), remark.empty() ? "" : "   ", remark);
}

std::string scratch_line(const Scratch& scratch) {
  return fmt::format("  {:<20}at least {}, median {}, to {} call{}; none needs more than {}\n", "workspace granted", memory_text(scratch.least),
                     memory_text(scratch.median), grouped(scratch.calls), scratch.calls == 1 ? "" : "s", memory_text(scratch.minimum));
}

std::string totals_block(const Report& report) {
  const Totals& t = report.totals;
  std::string text = fmt::format("\n{} at batch {}{}, {}, {}{}:\n", report.training ? "One training step" : "Inference", report.batch,
                                 report.micro_steps > 1 ? fmt::format(" x {} micro-steps", report.micro_steps) : "", report.dtype,
                                 report.training ? report.settings + ", " : "", "target " + report.target);
  for (size_t c = 0; c < t.bytes.of.size(); ++c) {
    if (t.bytes.of[c]) text += line(std::string(memory_class_name(static_cast<MemoryClass>(c))), t.bytes.of[c]);
  }
  text += line("sum of all buffers", t.sum_of_buffers, "what they take without reuse");
  text += line("lower bound", t.lower_bound, "the most that is live at one moment");
  const int64_t gap = t.arena - t.lower_bound;
  text += line("arena", t.arena,
               gap == 0 ? "the one allocation; at the bound, so packed optimally"
                        : fmt::format("one allocation; {} bytes ({:.2f} %) above the bound", grouped(gap),
                                      100.0 * static_cast<double>(gap) / static_cast<double>(t.lower_bound)));
  const std::string closed_form = report.tokens ? fmt::format("{} fixed + {} per sequence of {} tokens, bytes at the peak", grouped(t.fixed),
                                                              grouped(t.per_image), grouped(report.tokens))
                                                : fmt::format("{} + {} x batch bytes at the peak", grouped(t.fixed), grouped(t.per_image));
  text += fmt::format("  {:<20}{}\n", "in closed form", closed_form);
  if (report.training && t.evaluation) text += line("evaluation", t.evaluation, "within the same arena");
  if (t.scratch.calls > 0) text += scratch_line(t.scratch);
  text += line("library, about", t.library.bytes, (t.library.bytes ? "an estimate, not measured: " : "") + t.library.text);
  text += line("device", t.device, "arena + library");
  return text;
}

std::string card_names(const std::vector<const Gpu*>& cards) {
  std::string names;
  for (size_t i = 0; i < cards.size(); ++i) names += fmt::format("{}{} ({} GiB)", i == 0 ? "" : ", ", cards[i]->name, cards[i]->gib);
  return names;
}

}  // namespace

std::string verdict_text(const Report& report) {
  const Verdict& v = report.verdict;
  const Totals& t = report.totals;
  const std::string what = fmt::format("{}: {} at batch {}", report.network, report.training ? "training" : "inference", grouped(report.batch));
  const std::string parts =
      t.library.bytes ? fmt::format("{} + about {} for the libraries", memory_text(t.arena), memory_text(t.library.bytes)) : memory_text(t.arena);
  if (!v.fits) {
    const std::string cards = v.cards.empty() ? "" : fmt::format("; the smallest common cards it fits on: {}", card_names(v.cards));
    const bool none = v.cards.empty() && report.target == "cuda";
    return fmt::format("{} needs {}{}", what, parts, none ? "; it fits on no single card of `--gpus`" : cards);
  }
  std::string largest;
  std::string needs = memory_text(t.device), of = memory_text(v.room.memory);
  if (needs == of) needs = grouped(t.device) + " bytes", of = grouped(v.room.memory) + " bytes";
  if (!v.room.name.empty()) of += fmt::format(" ({})", v.room.name);
  if (t.library.bytes) needs = fmt::format("{} (arena {}, libraries about {})", needs, memory_text(t.arena), memory_text(t.library.bytes));
  if (v.largest_batch && *v.largest_batch == 0) largest = "; not even batch 1 fits";
  if (v.largest_batch && *v.largest_batch > 0) {
    largest =
        fmt::format("; the largest batch that fits is {}{}", grouped(*v.largest_batch), v.batch_unbounded ? " (no kernel takes a larger one)" : "");
  }
  return fmt::format("{} {}: needs {} of {}{}", what, *v.fits ? "fits" : "does not fit", needs, of, largest);
}

std::string estimate_text(const Report& report, const std::string& rules) {
  std::string text = verdict_text(report) + "\n\n" + layer_table(report) + saved_list(report) + totals_block(report);
  if (!report.notes.empty()) text += "\n";
  for (const std::string& note : report.notes) text += note + "\n";
  if (report.time) text += "\n" + time_text(report);
  if (!rules.empty()) text += "\n" + rules;
  return text + "\n" + verdict_text(report) + "\n";
}

}  // namespace netc
