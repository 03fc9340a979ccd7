#include "backend/interpret.h"

#include <fmt/format.h>

#include <memory>

#include "backend/facts.h"
#include "backend/guard.h"
#include "backend/interpret_executor.h"
#include "backend/trace.h"
#include "support/check.h"
#include "train/program.h"

namespace netc {

namespace {

/// A schedule under guard and trace, where they are asked for.
class Runner {
 public:
  Runner(const Graph& graph, const Plan& plan, const Schedule& schedule, const InterpretOptions& options)
      : graph_(graph), plan_(plan), schedule_(schedule), options_(options), executor_(schedule, plan.batch) {}

  void bind(char* arena) {
    arena_ = reinterpret_cast<unsigned char*>(arena);
    executor_.bind(arena);
    if (options_.guard) guard_ = std::make_unique<Guard>(schedule_, plan_.arena, plan_.batch);
  }

  void run(netrt::Context& ctx, Section section) {
    if (!guard_ && options_.trace.empty()) return executor_.run(ctx, section);
    Observer observer;
    observer.before = [&](size_t position) {
      if (guard_) guard_->before(position, arena_);
      if (!options_.trace.empty()) trace_before(ctx, schedule_.calls[position]);
    };
    observer.after = [&](size_t position) {
      if (guard_) check(position);
      if (!options_.trace.empty()) trace_after(ctx, schedule_.calls[position]);
    };
    executor_.run(ctx, section, observer);
  }

 private:
  void check(size_t position) {
    const std::string broken = guard_->after(position, arena_);
    if (!broken.empty()) netrt::fail("guard: " + broken);
  }

  void write(const std::string& name, int value) const {
    const PlannedValue& planned = schedule_.values[static_cast<size_t>(value)];
    const int64_t samples = plan_.batch / planned.slices;
    if (!write_npy(options_.trace, name, planned.type, samples, executor_.pointer(value))) netrt::fail("cannot write to " + options_.trace);
  }

  /// The state before the first step, and what the loss sees in every step (its kernel overwrites the scores).
  void trace_before(netrt::Context& ctx, const Call& call) {
    if (&schedule_ != &plan_.train) return;
    const netrt::RunState& run = netrt::run_state(ctx);
    if (run.micro_step == 1 && !started_) {
      started_ = true;
      write_persistent("init/", {ValueKind::parameter, ValueKind::state});
    }
    if (call.phase != Phase::forward || !graph_[call.layer].op->is_loss) return;
    const std::string step = fmt::format("step{}/", run.micro_step);
    if (!write_npy(options_.trace, step + "learning_rate", {DType::f32, {1}, false}, 1, &run.learning_rate)) netrt::fail("cannot write to " + options_.trace);
    write_persistent(step, {ValueKind::input, ValueKind::label});
    write(step + "scores", call.inputs[0]);
  }

  void write_persistent(const std::string& folder, std::initializer_list<ValueKind> kinds) const {
    for (size_t i = 0; i < static_cast<size_t>(plan_.persistent); ++i)
      for (ValueKind kind : kinds)
        if (schedule_.values[i].kind == kind) write(folder + schedule_.values[i].name, static_cast<int>(i));
  }

  /// What layers leave, and the parameters' gradients of the first micro-step.
  void trace_after(netrt::Context& ctx, const Call& call) const {
    if (&schedule_ != &plan_.train) return;
    const int64_t micro_step = netrt::run_state(ctx).micro_step;
    for (int value : call.outputs) {
      if (value < 0) continue;
      const PlannedValue& planned = schedule_.values[static_cast<size_t>(value)];
      const bool left = planned.kind == ValueKind::activation || planned.kind == ValueKind::aux;
      if (call.phase == Phase::backward && planned.kind == ValueKind::gradient && micro_step == 1) write("grad/" + planned.name, value);
      if (call.phase == Phase::forward && left && planned.type.dtype != DType::bit)
        write(fmt::format("step{}/forward/{}", micro_step, planned.name), value);
    }
  }

  const Graph& graph_;
  const Plan& plan_;
  const Schedule& schedule_;
  const InterpretOptions& options_;
  Executor executor_;
  unsigned char* arena_ = nullptr;
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
  spec.scores_offset = facts.scores_offset;
  for (const TensorFact& tensor : facts.tensors) {
    const auto cls = tensor.cls == "parameter" ? netrt::Tensor::parameter : tensor.cls == "state" ? netrt::Tensor::state : netrt::Tensor::optimizer;
    spec.tensors.push_back({tensor.name.c_str(), cls, tensor.offset, tensor.shape, init_kind(tensor.init), tensor.init_value});
  }
  spec.data = {facts.reader.c_str(), facts.data_path.c_str(), facts.input.h, facts.input.w, facts.input.c, facts.classes,
               facts.target_rows, facts.target_values, target_kind(graph.target), {}, facts.vocabulary};
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
  target.workspace = [](std::string_view kernel, const Desc& desc, int64_t batch) {
    const KernelEntry* entry = find_kernel(kernel);
    NETC_CHECK(entry && entry->cpu_workspace, "a kernel is given a workspace it does not take");
    return entry->cpu_workspace(desc, batch);
  };
  return target;
}

Target cuda_target(int64_t workspace_floor) {
  Target target;
  target.name = "cuda";
  target.input_slots = 2;
  target.workspace = [](std::string_view kernel, const Desc& desc, int64_t batch) {
    const KernelEntry* entry = find_kernel(kernel);
    NETC_CHECK(entry && entry->cuda_workspace, "a kernel is given a workspace it does not take");
    return entry->cuda_workspace(desc, batch);
  };
  target.grant_slack = true;
  target.workspace_floor = workspace_floor;
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
