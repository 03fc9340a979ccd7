#include "backend/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "backend/facts.h"
#include "backend/program_names.h"

namespace netc {

namespace {

constexpr size_t kCommentColumn = 110;

class Writer {
 public:
  Writer(const Graph& graph, const Plan& plan, const Sources& sources, const ProgramOptions& options)
      : graph_(graph),
        plan_(plan),
        sources_(sources),
        options_(options),
        names_(program_names(graph, plan)),
        facts_(program_facts(graph, plan, options.command, options.folder)) {}

  std::string run() {
    header();
    memory_map();
    constants();
    pointers();
    bind();
    step_function("forward", "The forward pass; the loss leaves its gradient in place of the scores.", Section::micro, true);
    step_function("backward", "The backward pass, with every update that is ready.", Section::micro, false);
    step_function("begin", "Before the micro-steps of a step.", Section::begin, false);
    step_function("update", "After the micro-steps of a step.", Section::update, false);
    evaluate();
    spec();
    main();
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  std::string place(const Location& where) const {
    if (!where.valid()) return {};
    const std::string& path = sources_.files[static_cast<size_t>(where.file)].path;
    return comment_text(fmt::format("{}:{}", path.substr(path.find_last_of('/') + 1), where.line));
  }

  void header() {
    line("// {}: a training program written by netc {}:", comment_text(graph_.name), options_.version);
    line("//   {}", comment_text(options_.command));
    line("// Batch {}{}, {}. One allocation of {} bytes holds everything below; the kernels are in runtime/.", plan_.batch,
         graph_.train.micro_steps > 1 ? fmt::format(" x {} micro-steps", graph_.train.micro_steps) : "", optimizer_name(graph_.train.optimizer),
         plan_.arena);
    line("//");
    line("// {:<28} {:<14} {:>12}  {}", "layer", "output", "parameters", "statement");
    for (const Layer& layer : graph_.layers) {
      Size parameters;
      for (ValueId param : layer.params) parameters = parameters + elements(graph_[param].type.shape);
      line("// {:<28} {:<14} {:>12}  {}  {}", comment_text(layer.name), shape_text(layer.shape), parameters.value(), comment_text(layer.source),
           place(layer.where));
    }
    line("//");
  }

  void memory_map() {
    line("// Memory map: offset, bytes, class, tensor, calls it lives through (numbered from 0 over begin, forward, backward, update).");
    std::vector<const Buffer*> buffers;
    for (const Buffer& buffer : plan_.train.buffers) buffers.push_back(&buffer);
    std::stable_sort(buffers.begin(), buffers.end(), [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; });
    for (const Buffer* buffer : buffers)
      line("// {:>12} {:>12}  {:<10}  {:<36} {}", buffer->offset, buffer->bytes, memory_class_name(buffer->cls), comment_text(buffer->name),
           buffer->offset < plan_.train.buffers[0].offset || lives_always(*buffer) ? "always" : fmt::format("{}..{}", buffer->first, buffer->last));
    out_ += '\n';
    line("#include \"kernels.h\"");
    line("#include \"train/program.h\"\n");
    line("using namespace netrt;\n");
    line("namespace {{\n");
  }

  bool lives_always(const Buffer& buffer) const { return &buffer - plan_.train.buffers.data() < plan_.persistent; }

  void constants() {
    line("constexpr size_t kArenaBytes = {};\n", plan_.arena);
    for (const auto& constant : names_.constants) line("constexpr {} {} = {};", constant.type, constant.name, constant.value);
    if (!names_.slice_sizes.empty()) line("\n// Elements of a tensor from one slice of the batch to the next.");
    for (const auto& size : names_.slice_sizes) line("constexpr size_t {} = {};  // {} samples", size.name, size.elements, size.samples);
    out_ += '\n';
  }

  std::string shape_comment(const PlannedValue& value) const {
    std::string shape = shape_text(value.type.shape);
    return value.type.batched ? fmt::format("{} x {}", plan_.batch / value.slices, shape) : shape;
  }

  void group(const PointerGroup& group, const Schedule& schedule) {
    if (group.members.empty()) return;
    line("/// {}{}.", std::string(1, static_cast<char>(std::toupper(group.comment[0]))), group.comment.substr(1));
    line("struct {} {{", group.type);
    for (const auto& member : group.members) {
      const PlannedValue& value = schedule.values[static_cast<size_t>(member.value)];
      line("  {}* {};  // {}", element_type(value), member.identifier, shape_comment(value));
    }
    line("}} {};\n", group.name);
  }

  void pointers() {
    for (const PointerGroup& each : names_.groups) group(each, plan_.train);
    group(names_.evaluation, plan_.evaluate);
    line("char* arena = nullptr;\n");
    line("template <class T>\nvoid place(T*& pointer, size_t offset) {{\n  pointer = reinterpret_cast<T*>(arena + offset);\n}}\n");
    line("/// Scratch of one call: what the plan set aside for it.");
    line("Workspace scratch(size_t offset, size_t bytes) {{ return {{arena + offset, bytes}}; }}\n");
  }

  void bind() {
    line("/// Sets every pointer into the one allocation.");
    line("void bind(Context&, char* memory) {{");
    line("  arena = memory;");
    for (const PointerGroup& each : names_.groups)
      for (const auto& member : each.members) place_line(plan_.train, each, member);
    for (const auto& member : names_.evaluation.members) place_line(plan_.evaluate, names_.evaluation, member);
    line("}}\n");
    line("/// The loader fills {} in turn.", plan_.input_slots == 1 ? "one slot" : "two slots");
    line("void use_slot(int slot) {{");
    const auto stride = [](int64_t bytes) { return round_up(Size(bytes), kAlignment).value(); };
    line("  place(batch.input, {} + static_cast<size_t>(slot) * {});", facts_.input_offset, stride(facts_.input_bytes));
    line("  place(batch.label, {} + static_cast<size_t>(slot) * {});", facts_.label_offset, stride(facts_.label_bytes));
    line("}}\n");
  }

  void place_line(const Schedule& schedule, const PointerGroup& group, const PointerGroup::Member& member) {
    const Buffer& buffer = schedule.buffers[schedule.values[static_cast<size_t>(member.value)].buffer.at()];
    line("  place({}.{}, {});", group.name, member.identifier, buffer.offset);
  }

  /// A pointer; where the call runs on a slice of the batch and the tensor holds all of it, with the way to that slice.
  std::string operand(const Call& call, int value, bool training) const {
    if (value < 0) return "nullptr";
    const std::string& pointer = (training ? names_.train : names_.evaluate)[static_cast<size_t>(value)];
    const auto& slices = training ? names_.train_slice : names_.evaluate_slice;
    const auto size = slices.find({value, call.slice.count});
    if (size == slices.end() || call.slice.index == 0) return pointer;
    return call.slice.index == 1 ? fmt::format("{} + {}", pointer, size->second) : fmt::format("{} + {} * {}", pointer, call.slice.index, size->second);
  }

  void call_line(const Call& call, bool training, const std::string& constant, std::string comment) {
    std::string text = fmt::format("  {}(ctx", call.kernel);
    for (const auto* operands : {&call.outputs, &call.inputs})
      for (int value : *operands) text += ", " + operand(call, value, training);
    if (call.slice.count > 1) comment += fmt::format("; slice {} of {}", call.slice.index + 1, call.slice.count);
    if (!constant.empty()) text += ", " + constant;
    if (call.takes_workspace)
      text += call.workspace_bytes ? fmt::format(", scratch({}, {})", call.workspace_offset, call.workspace_bytes) : ", Workspace{}";
    text += ");";
    if (text.size() < kCommentColumn) text.resize(kCommentColumn, ' ');
    out_ += text + "  // " + comment + "\n";
  }

  std::string forward_comment(const Call& call) const {
    const Layer& layer = graph_[call.layer];
    std::string fused;
    if (layer.activation != Activation::none) fused = fmt::format("; {}", activation_name(layer.activation));
    return fmt::format("{}  {}{} -> {}", place(layer.where), comment_text(layer.source), fused, shape_text(layer.shape));
  }

  std::string other_comment(const Call& call) const {
    const Layer& layer = graph_[call.layer];
    const std::string of = call.phase == Phase::update && !call.outputs.empty() && call.outputs[0] >= 0
                               ? plan_.train.values[static_cast<size_t>(call.outputs[0])].name
                               : layer.name;
    return fmt::format("{}  {} of {}", place(layer.where), call.purpose.empty() ? call.kernel : call.purpose, comment_text(of));
  }

  /// Steps that a plan does not need (no micro-steps, no clipping) are not written.
  void step_function(const char* name, const char* comment, Section section, bool forward) {
    std::vector<size_t> calls;
    for (size_t i = 0; i < plan_.train.calls.size(); ++i)
      if (plan_.train.calls[i].section == section && (section != Section::micro || (plan_.train.calls[i].phase == Phase::forward) == forward))
        calls.push_back(i);
    if (calls.empty()) return;
    written_.push_back(name);
    line("/// {}", comment);
    line("void {}(Context& ctx) {{", name);
    for (size_t i : calls) {
      const Call& call = plan_.train.calls[i];
      call_line(call, true, names_.train_constant[i], call.phase == Phase::forward ? forward_comment(call) : other_comment(call));
    }
    line("}}\n");
  }

  void evaluate() {
    line("/// The forward pass as it is used after training: running statistics, no dropout.");
    line("void evaluate(Context& ctx, int slot) {{");
    line("  use_slot(slot);");
    for (size_t i = 0; i < plan_.evaluate.calls.size(); ++i)
      call_line(plan_.evaluate.calls[i], false, names_.evaluate_constant[i], forward_comment(plan_.evaluate.calls[i]));
    line("}}\n");
  }

  bool written(const char* name) const { return std::find(written_.begin(), written_.end(), name) != written_.end(); }

  void spec() {
    const TrainSettings& train = graph_.train;
    line("/// What the trainer needs to know of the network.");
    line("ProgramSpec make_spec() {{\n  ProgramSpec spec{{}};");
    line("  spec.network = {};\n  spec.command = {};\n  spec.loss = \"{}\";", string_literal(facts_.network), string_literal(facts_.command),
         facts_.loss);
    line("  spec.arena_bytes = kArenaBytes;\n  spec.slots = {};", facts_.slots);
    line("  spec.input_offset = {};\n  spec.input_bytes = {};", facts_.input_offset, facts_.input_bytes);
    line("  spec.label_offset = {};\n  spec.label_bytes = {};\n  spec.metrics_offset = {};\n  spec.scores_offset = {};", facts_.label_offset,
         facts_.label_bytes, facts_.metrics_offset, facts_.scores_offset);
    line("  spec.tensors = {{");
    for (const TensorFact& tensor : facts_.tensors)
      line("      {{{}, Tensor::{}, {}, {{{}}}, InitKind::{}, {}}},", string_literal(tensor.name), tensor.cls, tensor.offset,
           fmt::join(tensor.shape, ", "), tensor.init, double_literal(tensor.init_value));
    line("  }};");
    line("  spec.data = {{.reader = \"{}\", .path = {}, .h = {}, .w = {}, .c = {}, .classes = {},", facts_.reader, string_literal(facts_.data_path),
         facts_.input.h, facts_.input.w, facts_.input.c, facts_.classes);
    line("               .target_rows = {}, .target_values = {}, .target = TargetKind::{}, .augmentation = {{{}}}, .vocabulary = {}}};", facts_.target_rows,
         facts_.target_values, facts_.target, augmentation(), facts_.vocabulary);
    line("  spec.train = {{.learning_rate = {}, .schedule = \"{}\", .schedule_every = {}, .schedule_factor = {}, .warmup = {},",
         double_literal(train.learning_rate), schedule_kind_name(train.schedule), double_literal(train.schedule_every),
         double_literal(train.schedule_factor), double_literal(train.warmup));
    line("                .batch = {}, .micro_steps = {}, .epochs = {}, .steps = {}, .validate_every = {}, .stop_after = {}, .seed = {}u}};",
         plan_.batch, train.micro_steps, train.epochs, train.steps, train.validate_every, train.stop_after, graph_.seed);
    line("  return spec;\n}}\n");
  }

  std::string augmentation() const {
    std::string text;
    for (const Augmentation& word : graph_.data.augmentation) {
      std::string numbers;
      for (double number : word.numbers) numbers += (numbers.empty() ? "" : ", ") + double_literal(number);
      text += fmt::format("{}{{\"{}\", {{{}}}}}", text.empty() ? "" : ", ", word.word, numbers);
    }
    return text;
  }

  void main() {
    line("}}  // namespace\n");
    line("int main(int argc, char** argv) {{\n  Steps steps;\n  steps.bind = bind;");
    if (written("begin")) line("  steps.begin = begin;");
    line("  steps.micro = [](Context& ctx, int slot) {{\n    use_slot(slot);\n    forward(ctx);\n    backward(ctx);\n  }};");
    if (written("update")) line("  steps.update = update;");
    line("  steps.evaluate = evaluate;");
    line("  return train_main(make_spec(), steps, argc, argv);\n}}");
  }

  const Graph& graph_;
  const Plan& plan_;
  const Sources& sources_;
  const ProgramOptions& options_;
  const ProgramNames names_;
  const Facts facts_;
  std::string out_;
  std::vector<std::string> written_;
};

}  // namespace

std::string program_name(const Graph& graph) {
  std::string name;
  for (char c : graph.name) {
    const auto byte = static_cast<unsigned char>(c);
    name += byte < 0x80 && (std::isalnum(byte) || c == '-' || c == '_') ? c : '_';
  }
  // Targets need a leading letter here, and CMake keeps some names for itself.
  if (name.empty() || !std::isalpha(static_cast<unsigned char>(name[0]))) return "net_" + name;
  for (const char* taken : {"all", "test", "install", "clean", "help", "package", "runtime", "build"})
    if (name == taken) return name + "_net";
  return name;
}

std::string program_text(const Graph& graph, const Plan& plan, const Sources& sources, const ProgramOptions& options) {
  return Writer(graph, plan, sources, options).run();
}

}  // namespace netc
