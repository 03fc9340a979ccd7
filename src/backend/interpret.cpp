#include "backend/interpret.h"

#include <fmt/format.h>

#include <memory>

#include "backend/facts.h"
#include "backend/guard.h"
#include "backend/interpret_kernels.h"
#include "backend/trace.h"
#include "cuda/workspace.h"
#include "support/check.h"
#include "train/program.h"

namespace netc {

namespace {

struct BoundCall {
  BoundKernel run;
  std::vector<void*> pointers;
  netrt::Workspace workspace;
};

/// A schedule with its pointers set, ready to run on the CPU.
class Runner {
 public:
  Runner(const Graph& graph, const Plan& plan, const Schedule& schedule, const InterpretOptions& options)
      : graph_(graph), plan_(plan), schedule_(schedule), options_(options) {}

  void bind(char* arena) {
    arena_ = arena;
    calls_.clear();
    for (const Call& call : schedule_.calls) {
      const KernelEntry* entry = find_kernel(call.kernel);
      NETC_CHECK(entry, "a plan calls a kernel that the runtime does not have");
      NETC_CHECK(entry->pointers == call.outputs.size() + call.inputs.size(), "a plan calls a kernel with the wrong number of tensors");
      BoundCall bound;
      bound.run = entry->bind(call.desc);
      for (int value : call.outputs) bound.pointers.push_back(pointer(value));
      for (int value : call.inputs) bound.pointers.push_back(pointer(value));
      bound.workspace = {call.workspace_bytes ? arena + call.workspace_offset : nullptr, static_cast<size_t>(call.workspace_bytes)};
      calls_.push_back(std::move(bound));
    }
    if (options_.guard) guard_ = std::make_unique<Guard>(schedule_, plan_.arena);
  }

  void run(netrt::Context& ctx, Section section) {
    for (size_t i = 0; i < calls_.size(); ++i) {
      const Call& call = schedule_.calls[i];
      if (call.section != section) continue;
      if (guard_) guard_->before(i, reinterpret_cast<unsigned char*>(arena_));
      if (!options_.trace.empty()) trace_before(ctx, call);
      calls_[i].run(ctx, calls_[i].pointers.data(), calls_[i].workspace);
      if (guard_) {
        netrt::synchronize(ctx);
        const std::string broken = guard_->after(i, reinterpret_cast<unsigned char*>(arena_));
        if (!broken.empty()) netrt::fail("guard: " + broken);
      }
      if (!options_.trace.empty()) trace_after(ctx, call);
    }
  }

 private:
  void* pointer(int value) const {
    return value < 0 ? nullptr : arena_ + schedule_.buffers[schedule_.values[static_cast<size_t>(value)].buffer.at()].offset;
  }

  void write(const std::string& name, int value) const {
    const PlannedValue& planned = schedule_.values[static_cast<size_t>(value)];
    if (!write_npy(options_.trace, name, planned.type, plan_.batch, pointer(value))) netrt::fail("cannot write to " + options_.trace);
  }

  /// The state before the first step, and what the loss sees in every step (its kernel overwrites the scores).
  void trace_before(netrt::Context& ctx, const Call& call) {
    const netrt::RunState& run = netrt::run_state(ctx);
    if (run.micro_step == 1 && !started_) {
      started_ = true;
      for (size_t i = 0; i < static_cast<size_t>(plan_.persistent); ++i) {
        const ValueKind kind = schedule_.values[i].kind;
        if (kind == ValueKind::parameter || kind == ValueKind::state) write("init/" + schedule_.values[i].name, static_cast<int>(i));
      }
    }
    if (call.phase != Phase::forward || !graph_[call.layer].op->is_loss) return;
    const std::string step = fmt::format("step{}/", run.micro_step);
    for (size_t i = 0; i < static_cast<size_t>(plan_.persistent); ++i) {
      if (schedule_.values[i].kind == ValueKind::input) write(step + "input", static_cast<int>(i));
      if (schedule_.values[i].kind == ValueKind::label) write(step + "label", static_cast<int>(i));
    }
    write(step + "scores", call.inputs[0]);
  }

  void trace_after(netrt::Context& ctx, const Call& call) const {
    if (netrt::run_state(ctx).micro_step != 1 || call.phase != Phase::backward) return;
    for (int value : call.outputs)
      if (value >= 0 && schedule_.values[static_cast<size_t>(value)].kind == ValueKind::gradient)
        write("grad/" + schedule_.values[static_cast<size_t>(value)].name, value);
  }

  const Graph& graph_;
  const Plan& plan_;
  const Schedule& schedule_;
  const InterpretOptions& options_;
  char* arena_ = nullptr;
  std::vector<BoundCall> calls_;
  std::unique_ptr<Guard> guard_;
  bool started_ = false;
};

netrt::InitKind init_kind(const std::string& name) {
  return name == "uniform" ? netrt::InitKind::uniform : name == "normal" ? netrt::InitKind::normal : netrt::InitKind::constant;
}

netrt::TargetKind target_kind(TargetKind kind) { return static_cast<netrt::TargetKind>(static_cast<int>(kind)); }
static_assert(static_cast<int>(TargetKind::values) == static_cast<int>(netrt::TargetKind::values));

netrt::ProgramSpec make_spec(const Graph& graph, const Plan& plan, const Facts& facts) {
  netrt::ProgramSpec spec{};
  spec.network = facts.network.c_str();
  spec.command = facts.command.c_str();
  spec.loss = facts.loss.c_str();
  spec.arena_bytes = static_cast<size_t>(facts.arena);
  spec.slots = facts.slots;
  spec.input_offset = facts.input_offset;
  spec.input_bytes = facts.input_bytes;
  spec.label_offset = facts.label_offset;
  spec.label_bytes = facts.label_bytes;
  spec.metrics_offset = facts.metrics_offset;
  for (const TensorFact& tensor : facts.tensors) {
    const auto cls = tensor.cls == "parameter" ? netrt::Tensor::parameter : tensor.cls == "state" ? netrt::Tensor::state : netrt::Tensor::optimizer;
    spec.tensors.push_back({tensor.name.c_str(), cls, tensor.offset, tensor.shape, init_kind(tensor.init), tensor.init_value});
  }
  spec.data = {facts.reader.c_str(), facts.data_path.c_str(), facts.input.h, facts.input.w, facts.input.c, facts.classes,
               facts.target_rows, facts.target_values, target_kind(graph.target), {}};
  for (const Augmentation& word : graph.data.augmentation) spec.data.augmentation.push_back({word.word.c_str(), word.numbers});
  const TrainSettings& train = graph.train;
  spec.train = {train.learning_rate, schedule_kind_name(train.schedule).data(), train.schedule_every, train.schedule_factor, train.warmup,
                plan.batch, train.micro_steps, train.epochs, train.steps, train.validate_every, train.stop_after, graph.seed};
  return spec;
}

}  // namespace

Target cpu_target() {
  Target target;
  target.name = "cpu";
  target.workspace = [](const std::string& kernel, const Desc& desc) {
    const KernelEntry* entry = find_kernel(kernel);
    NETC_CHECK(entry && entry->workspace, "a kernel is given a workspace it does not take");
    return entry->workspace(desc);
  };
  return target;
}

int interpret(const Graph& graph, const Plan& plan, const InterpretOptions& options) {
  NETC_CHECK(plan.target == "cpu" && plan.input_slots == 1, "the interpreter runs plans for the CPU");
  const Facts facts = program_facts(graph, plan, options.command, options.folder);
  const netrt::ProgramSpec spec = make_spec(graph, plan, facts);
  Runner train(graph, plan, plan.train, options), evaluate(graph, plan, plan.evaluate, options);
  netrt::Steps steps;
  steps.bind = [&](netrt::Context&, char* arena) {
    train.bind(arena);
    evaluate.bind(arena);
  };
  steps.begin = [&](netrt::Context& ctx) { train.run(ctx, Section::begin); };
  steps.micro = [&](netrt::Context& ctx, int) { train.run(ctx, Section::micro); };
  steps.update = [&](netrt::Context& ctx) { train.run(ctx, Section::update); };
  steps.evaluate = [&](netrt::Context& ctx, int) { evaluate.run(ctx, Section::micro); };
  std::vector<std::string> words = {"netc --train"};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return netrt::train_main(spec, steps, static_cast<int>(words.size()), argv.data());
}

}  // namespace netc
