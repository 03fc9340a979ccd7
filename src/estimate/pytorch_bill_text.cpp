// PyTorch's bill for people and as JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "estimate/pytorch_bill.h"
#include "estimate/units.h"

namespace netc {

namespace {

std::string line(const std::string& what, int64_t bytes, const std::string& remark) {
  return fmt::format("  {:<24}{:>18} B  {:>12}   {}\n", what, grouped(bytes), memory_text(bytes), remark);
}

std::string verdict(const PytorchBill& bill) {
  const std::string start = fmt::format("{} in eager PyTorch: training at batch {}{}", bill.network, grouped(bill.batch),
                                        bill.micro_steps > 1 ? fmt::format(" x {} micro-steps", bill.micro_steps) : "");
  const std::string takes = fmt::format("takes about {} of the device ({} reserved), netc's plan {}", memory_text(bill.process),
                                        memory_text(bill.run.max_reserved), memory_text(bill.arena + bill.library.bytes));
  if (bill.memory == 0) return fmt::format("{} {}", start, takes);
  return fmt::format("{} {} {}{}; it {}", start, bill.fits ? "fits in" : "does not fit in", memory_text(bill.memory), bill.how.empty() ? "" : ", " + bill.how, takes);
}

/// "+12,345 B": what PyTorch has more.
std::string signed_bytes(int64_t bytes) { return (bytes < 0 ? "-" : "+") + grouped(bytes < 0 ? -bytes : bytes); }

std::string lines_text(const PytorchBill& bill) {
  std::string text = fmt::format("  {:<30}{:>18}{:>18}{:>19}\n", "bytes at the peak", "PyTorch", "netc", "difference");
  const auto row = [&](const BillLine& line) {
    text += fmt::format("  {:<30}{:>18}{:>18}{:>19}{}{}\n", line.what, grouped(line.pytorch), grouped(line.netc), signed_bytes(line.difference()),
                        line.why.empty() ? "" : "  ", line.why);
  };
  for (const BillLine& line : bill.lines) row(line);
  row({"sum: tensors, arena", bill.run.tensors, bill.arena, {}});
  return text;
}

}  // namespace

std::string pytorch_bill_text(const PytorchBill& bill) {
  std::string text = verdict(bill) + "\n\n";
  text += fmt::format("Float32, {}, foreach; the batch on the device; predicted from PyTorch's rules, not measured (docs/like_pytorch.md).\n", bill.settings);
  text += line("tensors at the peak", bill.run.tensors, "in " + bill.run.moment);
  text += line("max_memory_allocated", bill.run.max_allocated, fmt::format("{} B of rounding at that peak", grouped(bill.rounding)));
  text += line("max_memory_reserved", bill.run.max_reserved, "the segments of the caching allocator");
  text += line("process, about", bill.process, fmt::format("reserved + {} for the libraries ({})", memory_text(bill.library.bytes), bill.library.text));
  text += line("kept for backward", bill.run.saved, "activations and what is kept beside them, when the backward pass begins");
  text += line("netc's arena", bill.arena, "");
  return text + "\n" + lines_text(bill) + "\n" + verdict(bill) + "\n";
}

std::string pytorch_bill_json(const PytorchBill& bill) {
  nlohmann::ordered_json json;
  json["network"] = bill.network;
  json["like"] = "pytorch";
  json["batch"] = bill.batch;
  json["micro_steps"] = bill.micro_steps;
  json["optimizer"] = bill.settings;
  json["tensors"] = bill.run.tensors;
  json["moment"] = bill.run.moment;
  json["max_memory_allocated"] = bill.run.max_allocated;
  json["max_memory_reserved"] = bill.run.max_reserved;
  json["rounding"] = bill.rounding;
  json["library"] = bill.library.bytes;
  json["process"] = bill.process;
  json["saved"] = bill.run.saved;
  json["arena"] = bill.arena;
  json["fits"] = bill.memory > 0 ? nlohmann::ordered_json(bill.fits) : nlohmann::ordered_json();
  json["memory"] = bill.memory > 0 ? nlohmann::ordered_json(bill.memory) : nlohmann::ordered_json();
  json["how"] = bill.how;
  json["lines"] = nlohmann::ordered_json::array();
  for (const BillLine& line : bill.lines)
    json["lines"].push_back({{"what", line.what}, {"pytorch", line.pytorch}, {"netc", line.netc}, {"difference", line.difference()}, {"why", line.why}});
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace netc
