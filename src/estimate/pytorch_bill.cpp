#include "estimate/pytorch_bill.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "estimate/report.h"
#include "support/check.h"

namespace netc {

namespace {

/// The order in which kinds of tensors are listed; outputs and what is kept beside them have a line an op.
enum class Kind { batch, parameters, state, optimizer, temporaries, gradients, outputs, kept, activation_gradients, scratch, workspaces, loss, packing };

struct Key {
  Kind kind;
  std::string_view op = {};
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct Line {
  int64_t pytorch = 0, netc = 0;
  std::set<std::string> savers;   ///< ops whose backward pass in PyTorch keeps it
  std::set<std::string> pytorch_keeps, netc_keeps;  ///< what is kept beside the outputs
};

std::string list(const std::set<std::string>& words) {
  std::string text;
  size_t i = 0;
  for (const std::string& word : words) text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + word, ++i;
  return text;
}

class Comparison {
 public:
  Comparison(const Graph& graph, const Plan& plan) : graph_(graph), plan_(plan) {}

  std::vector<BillLine> run(const std::vector<PytorchStorage>& at_peak) {
    for (const PytorchStorage& storage : at_peak) add_pytorch(storage);
    add_netc();
    std::vector<BillLine> lines;
    for (const auto& [key, line] : lines_)
      if (line.pytorch != 0 || line.netc != 0) lines.push_back({name(key), line.pytorch, line.netc, why(key, line)});
    return lines;
  }

 private:
  std::string_view op_of(int layer) const { return layer < 0 ? std::string_view("input") : graph_.layers[static_cast<size_t>(layer)].op->name.value; }

  void add_pytorch(const PytorchStorage& storage) {
    constexpr Kind kinds[] = {Kind::batch, Kind::parameters, Kind::state, Kind::optimizer, Kind::temporaries, Kind::gradients, Kind::outputs,
                              Kind::kept, Kind::activation_gradients, Kind::scratch, Kind::workspaces, Kind::loss};
    const Kind kind = kinds[static_cast<size_t>(storage.tag.role)];
    const bool by_op = kind == Kind::outputs || kind == Kind::kept;
    Line& line = lines_[{kind, by_op ? op_of(storage.tag.layer) : ""}];
    line.pytorch += storage.bytes;
    for (const int saver : storage.savers) line.savers.insert(std::string(op_of(saver)));
    if (kind == Kind::kept) line.pytorch_keeps.insert(std::string(storage.tag.what));
  }

  /// What stands in each buffer at the planned peak: the value written last.
  std::vector<const PlannedValue*> contents() const {
    const Schedule& schedule = plan_.train;
    std::vector<const PlannedValue*> in(schedule.buffers.size(), nullptr);
    const auto note = [&](int value) {
      if (value < 0 || !schedule.values[static_cast<size_t>(value)].buffer.valid()) return;
      in[schedule.values[static_cast<size_t>(value)].buffer.at()] = &schedule.values[static_cast<size_t>(value)];
    };
    for (int position = 0; position <= schedule.peak && position < static_cast<int>(schedule.calls.size()); ++position)
      for (const int value : schedule.calls[static_cast<size_t>(position)].outputs) note(value);
    return in;
  }

  Key key_of(const Buffer& buffer, const PlannedValue* value) const {
    switch (buffer.cls) {
      case MemoryClass::parameters: return {Kind::parameters};
      case MemoryClass::optimizer: return {Kind::optimizer};
      case MemoryClass::state: return {Kind::state};
      case MemoryClass::gradients: return {Kind::gradients};
      case MemoryClass::workspace: return {Kind::workspaces};
      case MemoryClass::input: return {Kind::batch};
      default: break;
    }
    if (value && value->kind == ValueKind::activation_gradient) return {Kind::activation_gradients};
    return {value && value->kind == ValueKind::aux ? Kind::kept : Kind::outputs, op_of(value ? value->layer.index : buffer.layer.index)};
  }

  void add_netc() {
    const Schedule& schedule = plan_.train;
    const std::vector<const PlannedValue*> in = contents();
    int64_t live = 0;
    for (size_t i = 0; i < schedule.buffers.size(); ++i) {
      const Buffer& buffer = schedule.buffers[i];
      const bool always = static_cast<int>(i) < plan_.persistent;
      if (!always && (buffer.first > schedule.peak || buffer.last < schedule.peak)) continue;
      const Key key = key_of(buffer, in[i]);
      Line& line = lines_[key];
      line.netc += buffer.bytes;
      live += buffer.bytes;
      if (key.kind == Kind::kept && in[i]->id.valid()) line.netc_keeps.insert(std::string(graph_[in[i]->id].what));
    }
    lines_[{Kind::packing}].netc += plan_.arena - live;
  }

  static std::string name(const Key& key) {
    switch (key.kind) {
      case Kind::batch: return "the batch";
      case Kind::parameters: return "parameters";
      case Kind::state: return "running statistics, counters";
      case Kind::optimizer: return "optimizer state";
      case Kind::temporaries: return "optimizer temporaries";
      case Kind::gradients: return "gradients of parameters";
      case Kind::outputs: return fmt::format("outputs of {}", key.op);
      case Kind::kept: return fmt::format("kept beside by {}", key.op);
      case Kind::activation_gradients: return "gradients of activations";
      case Kind::scratch: return "copies and intermediates";
      case Kind::workspaces: return "workspaces";
      case Kind::loss: return "the loss";
      case Kind::packing: return "packing, evaluation";
    }
    NETC_CHECK(false, "a line of no kind");
  }

  std::string why(const Key& key, const Line& line) const {
    switch (key.kind) {
      case Kind::batch: return graph_.vocabulary > 0 || graph_.target == TargetKind::class_index
                                   ? fmt::format("int64 ids and classes, where netc has int32; netc has {} slot{}", plan_.input_slots, plan_.input_slots > 1 ? "s" : "")
                                   : fmt::format("netc has {} slot{}", plan_.input_slots, plan_.input_slots > 1 ? "s" : "");
      case Kind::parameters:
      case Kind::optimizer: return line.pytorch == line.netc ? "" : "netc rounds each to 256 bytes";
      case Kind::state: return "PyTorch counts batches; netc has the sums of loss and hits";
      case Kind::temporaries: return "a copy of all parameters' size in the optimizer's step; netc updates each in one kernel";
      case Kind::gradients: return "PyTorch keeps those it has made to the end of the step; netc applies each when it is ready";
      case Kind::outputs:
        if (line.pytorch == 0) return "in PyTorch none, or in place: then they count where they were first";
        return (line.savers.empty() ? "PyTorch is computing or reading them" : fmt::format("PyTorch keeps them for {}", list(line.savers))) +
               (line.netc == 0 ? "; netc has none at its peak" : "");
      case Kind::kept:
        return fmt::format("PyTorch: {}; netc: {}", line.pytorch ? list(line.pytorch_keeps) : "nothing", line.netc ? list(line.netc_keeps) : "nothing");
      case Kind::activation_gradients: return "alive at the two peaks, which are at different moments";
      case Kind::scratch: return "of the call at PyTorch's peak";
      case Kind::workspaces: return "PyTorch: cuBLAS's, one a thread, kept; cuDNN's own, unknown, counted as 0";
      case Kind::loss: return "";
      case Kind::packing: return "what netc's arena is above the bytes live at its peak";
    }
    return {};
  }

  const Graph& graph_;
  const Plan& plan_;
  std::map<Key, Line> lines_;
};

/// Whether it fits in what the libraries leave of `memory`, where need be by giving back cached segments.
void judge(const Graph& graph, PytorchProgram program, PytorchBill& bill) {
  if (bill.memory == 0 || bill.process <= bill.memory) return;
  program.capacity = bill.memory - bill.library.bytes;
  if (program.capacity <= 0) {
    bill.fits = false;
    bill.how = "the libraries alone take more";
    return;
  }
  const PytorchRun tight = run_pytorch(graph, program);
  bill.fits = tight.completed;
  bill.how = tight.completed ? "once the allocator gives back segments it has cached" : fmt::format("out of memory in {}", tight.moment);
}

}  // namespace

PytorchBill pytorch_bill(const Graph& graph, const Plan& plan, const std::string& settings, int64_t memory, const Gpu* gpu) {
  PytorchBill bill;
  bill.network = graph.name;
  bill.settings = settings;
  bill.batch = plan.batch;
  bill.micro_steps = graph.train.micro_steps;
  bill.library = library_share("cuda", gpu);
  PytorchProgram program{.batch = plan.batch};
  program.blas_workspace = pytorch_blas_workspace(gpu ? gpu->capability : reference_gpu().capability);
  bill.run = run_pytorch(graph, program);
  bill.rounding = bill.run.allocated_at_peak - bill.run.tensors;
  bill.process = bill.run.max_reserved + bill.library.bytes;
  bill.arena = plan.arena;
  bill.lines = Comparison(graph, plan).run(bill.run.at_peak);
  bill.memory = room_in(memory, gpu).memory;
  judge(graph, program, bill);
  return bill;
}

}  // namespace netc
