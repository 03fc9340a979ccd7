#include "driver/changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "estimate/time_table.h"
#include "passes/recompute.h"
#include "passes/schedule.h"

namespace netc {

namespace {

constexpr size_t kMostSingle = 10, kMostBlocks = 12;  ///< tensors and blocks that are tried by themselves, the largest

class Trying {
 public:
  Trying(const Subject& subject, const std::function<void(const std::string&)>& say)
      : s_(subject), say_(say), training_(trains(subject.graph, subject.options)) {}

  std::vector<Change> run() {
    smaller_batch();
    if (training_) {
      smaller_optimizer();
      no_clip();
      made_again();
    }
    smaller_input();
    return std::move(changes_);
  }

 private:
  /// Plans `graph` at its batch and notes the change. `change.arena` is filled in.
  void plan(const Graph& graph, Change change) {
    say_(change.text);
    const Trial trial = plan_trial(graph, s_.target, graph.train.batch, 0);
    if (trial.arena < 0) return;
    change.arena = trial.arena;
    if (training_ && (change.kind == "recompute" || change.kind == "micro_steps")) change.more_time = seconds(graph) / seconds(s_.graph) - 1;
    changes_.push_back(std::move(change));
  }

  static double seconds(const Graph& graph) { return make_time_table(graph, true, graph.train.batch, reference_gpu()).seconds(); }

  /// Plans the network with other settings of `train`.
  template <class Edit>
  void plan_edited(const Edit& edit, Change change) {
    Compilation made;
    made.graph = s_.resolved;
    edit(made.graph->train);
    run_passes(made, training_, &s_.target);
    plan(*made.graph, std::move(change));
  }

  void smaller_batch() {
    const TrainSettings& train = s_.resolved.train;
    int64_t parts = 2;
    while (parts < train.batch && train.batch % parts != 0) ++parts;
    const int64_t part = train.batch / parts;
    if (train.batch < 2) return;
    if (!training_) {
      plan_edited([&](TrainSettings& t) { t.batch = part; },
                  {"batch", fmt::format("batch {} instead of {}", part, train.batch), "the same results, in more batches", true});
      return;
    }
    const int64_t steps = parts * train.micro_steps;
    const std::string before = train.micro_steps > 1 ? fmt::format("{}x{}", train.micro_steps, train.batch) : fmt::to_string(train.batch);
    const bool statistics = has_batch_statistics(s_.resolved);
    const std::string effect = statistics ? fmt::format("as many samples a step, but bn takes its statistics over {} at a time", part)
                                        : "the same step: the same samples, their gradients summed in another order";
    plan_edited([&](TrainSettings& t) { t.batch = part, t.micro_steps = steps; },
                {"micro_steps", fmt::format("batch {}x{} instead of {}", steps, part, before), effect, !statistics});
  }

  void smaller_optimizer() {
    const TrainSettings& train = s_.resolved.train;
    const bool adam = train.optimizer == OptimizerKind::adam || train.optimizer == OptimizerKind::adamw;
    const std::string effect = "trains differently: rate and schedule must be found anew";
    const auto sgd = [](double momentum) {
      return [momentum](TrainSettings& t) { t.optimizer = OptimizerKind::sgd, t.momentum = momentum, t.nesterov = false; };
    };
    const auto name = [&] { return adam ? "adam" : train.optimizer == OptimizerKind::rmsprop ? "rmsprop" : "sgd with momentum"; };
    if (adam) plan_edited(sgd(0.9), {"optimizer", "sgd with momentum instead of adam: one tensor of state a parameter, not two", effect, false});
    if (train.optimizer == OptimizerKind::rmsprop && train.momentum > 0)
      plan_edited([](TrainSettings& t) { t.momentum = 0; }, {"optimizer", "rmsprop without momentum", effect, false});
    if (train.optimizer != OptimizerKind::sgd || train.momentum > 0)
      plan_edited(sgd(0), {"optimizer", fmt::format("sgd without momentum instead of {}: no state", name()), effect, false});
  }

  void no_clip() {
    if (s_.resolved.train.clip <= 0) return;
    const std::string effect = s_.resolved.train.micro_steps > 1 ? "a step may be larger than the limit"
                                                                 : "each gradient is applied as soon as it is made; a step may be larger than the limit";
    plan_edited([](TrainSettings& t) { t.clip = 0; }, {"clip", "no `clip`", effect, false});
  }

  void smaller_input() {
    ResolveOptions wanted = resolve_options(s_.options, false);
    const Graph& own = s_.resolved;
    Shape shape = own[own.input].type.shape;
    const Shape before = shape;
    const bool image = shape.size() == 3;
    if (shape.size() == 1 && own.vocabulary == 0) return;
    for (size_t i = 0; i < (image ? 2u : 1u); ++i) shape[i] = std::max<int64_t>(1, shape[i] / 2);
    if (shape == before) return;
    wanted.input = shape;
    Compilation made = resolve_network(s_.parsed, wanted);
    if (!made.graph) return;
    run_passes(made, training_, &s_.target);
    plan(*made.graph, {"input", fmt::format("input {} instead of {}", shape_text(shape), shape_text(before)),
                       image ? "another task: the network sees a quarter of the pixels" : "another task: the network sees half the sequence", false});
  }

  // ---- tensors made again ------------------------------------------------------------------------

  using Tensors = std::vector<size_t>;

  /// The step that makes nothing again, not even what the file names.
  Graph plain_step() const {
    Compilation made;
    made.graph = s_.resolved;
    made.graph->train.recompute.clear();
    run_passes(made, true, nullptr);
    return std::move(*made.graph);
  }

  /// Plans the step in which `tensors` are made again beside those that the file names.
  void plan_without(const ForwardPass& pass, const Tensors& tensors, const std::string& what) {
    std::vector<bool> keep = kept_;
    for (size_t tensor : tensors) keep[tensor] = false;
    if (keep == kept_) return;
    Graph graph = plain_;
    recompute(graph, pass, keep);
    schedule(graph, s_.target);
    const size_t more = graph.nodes.size() - s_.graph.nodes.size();
    plan(graph, {"recompute", fmt::format("make {} again in the backward pass", what),
                 fmt::format("the same results to the last bit; {} call{} more in each backward pass", more, more == 1 ? "" : "s"), true});
  }

  /// Bytes of the kept tensors that are alive at the peak, by tensor; 0 for the others.
  std::vector<int64_t> at_peak(const ForwardPass& pass) const {
    const Schedule& schedule = s_.plan.train;
    std::vector<int64_t> bytes(pass.tensors.size(), 0);
    for (const PlannedValue& value : schedule.values) {
      const Buffer& buffer = schedule.buffers[value.buffer.at()];
      if (buffer.cls != MemoryClass::saved || buffer.first > schedule.peak || buffer.last < schedule.peak) continue;
      const int tensor = pass.tensor(plain_, value.id);
      if (tensor < 0) continue;
      const ForwardTensor& kept = pass.tensors[static_cast<size_t>(tensor)];
      if (kept.read_backward && !kept.must_keep) bytes[static_cast<size_t>(tensor)] = buffer.bytes;
    }
    return bytes;
  }

  std::string layer_of(const ForwardTensor& tensor) const {
    const LayerId layer = plain_[tensor.value].layer;
    return layer.valid() ? plain_[layer].name : std::string();
  }

  /// Droppable tensors by the block (the call of a def) they are made in, without the block's last, which the next one begins with.
  std::map<std::string, Tensors> blocks(const ForwardPass& pass, bool innermost) const {
    std::map<std::string, Tensors> blocks;
    for (size_t i = 0; i < pass.tensors.size(); ++i) {
      const std::string layer = layer_of(pass.tensors[i]);
      const size_t dot = innermost ? layer.rfind('.') : layer.find('.');
      if (dot != std::string::npos && pass.tensors[i].read_backward && !pass.tensors[i].must_keep) blocks[layer.substr(0, dot)].push_back(i);
    }
    for (auto& [name, tensors] : blocks) tensors.pop_back();
    return blocks;
  }

  void made_again() {
    plain_ = plain_step();
    const ForwardPass pass = forward_pass(plain_);
    kept_ = keep_all(pass);
    const std::vector<bool> named = labelled(plain_, pass, s_.resolved.train.recompute);
    for (size_t i = 0; i < kept_.size(); ++i) kept_[i] = kept_[i] && !named[i];
    const std::vector<int64_t> bytes = at_peak(pass);
    Tensors largest;
    for (size_t i = 0; i < bytes.size(); ++i)
      if (bytes[i] > 0) largest.push_back(i);
    std::ranges::stable_sort(largest, std::greater<>(), [&](size_t i) { return bytes[i]; });
    if (largest.size() > kMostSingle) largest.resize(kMostSingle);
    for (size_t i : largest) plan_without(pass, {i}, plain_[pass.tensors[i].value].name);
    one_block(pass, bytes);
    everything(pass);
  }

  void one_block(const ForwardPass& pass, const std::vector<int64_t>& bytes) {
    std::vector<std::tuple<int64_t, std::string, Tensors>> sized;
    for (auto& [name, tensors] : blocks(pass, false)) {
      int64_t sum = 0;
      for (size_t tensor : tensors) sum += bytes[tensor];
      if (sum > 0) sized.emplace_back(sum, name, tensors);
    }
    std::ranges::stable_sort(sized, std::greater<>(), [](const auto& block) { return std::get<0>(block); });
    if (sized.size() > kMostBlocks) sized.resize(kMostBlocks);
    for (const auto& [sum, name, tensors] : sized) plan_without(pass, tensors, "what is inside " + name);
  }

  void everything(const ForwardPass& pass) {
    for (const bool innermost : {false, true}) {
      Tensors all;
      for (const auto& [name, tensors] : blocks(pass, innermost)) all.insert(all.end(), tensors.begin(), tensors.end());
      if (!all.empty()) plan_without(pass, all, "what is inside every block");
    }
    Tensors cheap;
    for (size_t i = 0; i < pass.tensors.size(); ++i) {
      const LayerId layer = plain_[pass.tensors[i].value].layer;
      const bool light = layer.valid() && !plain_[layer].op->macs;
      if (light && pass.tensors[i].read_backward && !pass.tensors[i].must_keep) cheap.push_back(i);
    }
    if (!cheap.empty()) plan_without(pass, cheap, "the outputs of all layers without multiply-accumulates");
  }

  const Subject& s_;
  const std::function<void(const std::string&)>& say_;
  const bool training_;
  Graph plain_;             ///< plain_step()
  std::vector<bool> kept_;  ///< by tensor of its forward pass: what the file's step keeps
  std::vector<Change> changes_;
};

}  // namespace

std::vector<Change> try_changes(const Subject& subject, const std::function<void(const std::string&)>& say) { return Trying(subject, say).run(); }

}  // namespace netc
