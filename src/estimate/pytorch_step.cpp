#include "estimate/pytorch_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "estimate/pytorch_autograd.h"
#include "estimate/pytorch_optimizer.h"
#include "support/check.h"

namespace netc {

namespace {

constexpr int64_t kUnlimited = int64_t{1} << 60;  ///< more than any device has, and far from overflow

class Replay {
 public:
  Replay(const Graph& graph, const PytorchProgram& program, int64_t snapshot_at)
      : graph_(graph),
        program_(program),
        snapshot_at_(snapshot_at),
        storages_(program.capacity > 0 ? std::min(program.capacity, kUnlimited) : kUnlimited),
        make_([this](int64_t bytes, const PytorchTag& tag) { return make(bytes, tag); }),
        autograd_(storages_, make_, program.batch),
        optimizer_(graph.train, storages_, make_) {
    autograd_.set_blas_workspace(program.blas_workspace);
  }

  PytorchRun run() {
    try {
      make_model();
      make_batch();
      for (int i = 0; i < program_.steps; ++i) step();
    } catch (const PytorchOutOfMemory&) {
      run_.completed = false;
      run_.moment = moment_;
    }
    run_.max_allocated = storages_.stats().max_allocated;
    run_.max_reserved = storages_.stats().max_reserved;
    run_.tensors = storages_.stats().max_requested;
    return std::move(run_);
  }

  int64_t made_at_peak() const { return storages_.made_at_peak(); }

 private:
  PytorchStorages::Id make(int64_t bytes, const PytorchTag& tag) {
    const PytorchStorages::Id id = storages_.make(bytes, tag);
    *most_here_ = std::max(*most_here_, storages_.stats().requested);
    if (storages_.made() == snapshot_at_) {
      run_.at_peak = storages_.live();
      run_.allocated_at_peak = storages_.stats().allocated;
      run_.moment = moment_;
    }
    return id;
  }

  void at(std::string moment) {
    moment_ = std::move(moment);
    most_here_ = &run_.by_moment[moment_];
  }
  void at_layer(const char* pass, int layer) { at(fmt::format("the {} pass of {}", pass, graph_.layers[static_cast<size_t>(layer)].name)); }

  const Shape& source_shape(LayerId source) const { return source.valid() ? graph_[source].shape : graph_[graph_.input].type.shape; }

  /// The calls of a layer as written: nothing fused.
  std::vector<EagerCall> calls_of(const Layer& layer) const {
    std::vector<Shape> shapes;
    for (const LayerId source : layer.sources) shapes.push_back(source_shape(source));
    if (layer.op->is_loss) shapes = {source_shape(graph_.last)};
    LayerInfo info{layer.args, shapes, layer.op->is_loss ? shapes[0] : layer.shape};
    info.has_bias = layer.has_bias;
    return layer.op->eager.value(info);
  }

  /// Parameters and states in the order of the layers, as model.to(device) moves them.
  void make_model() {
    at("moving the model to the device");
    params_.resize(graph_.values.size(), -1);
    last_reader_.resize(graph_.layers.size(), -1);
    for (size_t i = 0; i < graph_.layers.size(); ++i) {
      const Layer& layer = graph_.layers[i];
      calls_.push_back(calls_of(layer));
      for (const LayerId source : layer.sources)
        if (source.valid()) last_reader_[source.at()] = static_cast<int>(i);
      for (const ValueId param : layer.params) make_parameter(graph_.storage(param), static_cast<int>(i));
      for (const ValueId state : layer.states) make(type_bytes(graph_[state].type, 1).value(), {.role = PytorchRole::state, .layer = static_cast<int>(i)});
      for (const EagerCall& call : calls_.back()) make(call.module_bytes, {.role = PytorchRole::state, .layer = static_cast<int>(i)});
    }
  }

  void make_parameter(ValueId id, int layer) {
    PytorchAutograd::Tensor& param = params_[id.at()];
    if (param >= 0) return;
    const int64_t bytes = type_bytes(graph_[id].type, 1).value();
    param = autograd_.lasting(make(bytes, {.role = PytorchRole::parameter, .layer = layer}), bytes, true);
    optimizer_.add({param, bytes, decays(graph_[id], graph_.train.decay_scope)});
  }

  PytorchAutograd::Tensor make_batch_tensor(Size values, int64_t size) {
    const Size bytes = values * Size(program_.batch) * Size(size);
    if (!bytes.ok()) throw PytorchOutOfMemory{};
    return autograd_.lasting(make(bytes.value(), {.role = PytorchRole::batch}), bytes.value(), false);
  }

  void make_batch() {
    at("moving the batch to the device");
    const Type& input = graph_[graph_.input].type;
    input_ = make_batch_tensor(elements(input.shape), graph_.vocabulary > 0 ? 8 : 4);
    target_ = input_;
    const Shape& scores = source_shape(graph_.last);
    if (graph_.target == TargetKind::class_index) target_ = make_batch_tensor(Size(elements(scores).value() / scores.back()), 8);
    else if (graph_.target != TargetKind::input) target_ = make_batch_tensor(elements(scores), 4);
  }

  PytorchAutograd::Tensor run_layer(size_t i) {
    const Layer& layer = graph_.layers[i];
    at_layer("forward", static_cast<int>(i));
    std::vector<PytorchAutograd::Tensor> inputs, params;
    std::vector<bool> last_reads;
    const std::vector<LayerId> of_loss{graph_.last};
    for (const LayerId source : layer.op->is_loss ? of_loss : layer.sources) {
      inputs.push_back(source.valid() ? outputs_[source.at()] : input_);
      last_reads.push_back(source.valid() && source != graph_.last && last_reader_[source.at()] == static_cast<int>(i));
    }
    for (const ValueId param : layer.params) params.push_back(params_[graph_.storage(param).at()]);
    return autograd_.forward({static_cast<int>(i), calls_[i], inputs, params, layer.op->is_loss ? target_ : -1, last_reads});
  }

  /// A layer's result lives until its last reader has returned; the scores until the loss has.
  PytorchAutograd::Tensor forward() {
    outputs_.assign(graph_.layers.size(), -1);
    for (size_t i = 0; i < graph_.layers.size(); ++i) {
      if (graph_.loss.at() == i) continue;
      outputs_[i] = run_layer(i);
      std::vector<LayerId> done = graph_.layers[i].sources;
      std::ranges::sort(done, {}, &LayerId::index);
      done.erase(std::unique(done.begin(), done.end()), done.end());
      for (const LayerId source : done)
        if (source.valid() && source != graph_.last && last_reader_[source.at()] == static_cast<int>(i)) autograd_.drop(outputs_[source.at()]);
    }
    return run_layer(graph_.loss.at());
  }

  void micro_step() {
    const PytorchAutograd::Tensor loss = forward();
    if (graph_.last.valid()) replace_scores(autograd_.storage(outputs_[graph_.last.at()]));
    run_.saved = storages_.saved_bytes();
    release(std::exchange(loss_, autograd_.storage(loss)));
    autograd_.backward(loss, [this](int layer) { at_layer("backward", layer); });
    autograd_.end_micro_step();
  }

  /// The loss is there: a program that does not name the scores has dropped them, another drops those it named before.
  void replace_scores(PytorchStorages::Id scores) {
    release(program_.holds_scores ? std::exchange(scores_, scores) : scores);
  }

  void release(PytorchStorages::Id id) {
    if (id >= 0) storages_.release(id);
  }

  void step() {
    autograd_.drop_gradients();
    for (int64_t i = 0; i < graph_.train.micro_steps; ++i) micro_step();
    at("the optimizer's step");
    optimizer_.step();
    release(std::exchange(loss_, -1));
  }

  const Graph& graph_;
  const PytorchProgram& program_;
  int64_t snapshot_at_;
  PytorchStorages storages_;
  PytorchAutograd::Make make_;
  PytorchAutograd autograd_;
  PytorchOptimizer optimizer_;
  PytorchRun run_;
  std::string moment_;
  int64_t* most_here_ = nullptr;  ///< in by_moment
  std::vector<std::vector<EagerCall>> calls_;          ///< by layer
  std::vector<PytorchAutograd::Tensor> params_;        ///< by value
  std::vector<int> last_reader_;                       ///< by layer; -1: nobody
  std::vector<PytorchAutograd::Tensor> outputs_;       ///< by layer
  PytorchAutograd::Tensor input_ = -1, target_ = -1;
  PytorchStorages::Id scores_ = -1, loss_ = -1;  ///< what the program has names for
};

}  // namespace

int64_t pytorch_blas_workspace(int capability) { return capability >= 90 ? int64_t{4096} * 8 * 1024 : int64_t{4096} * 1024 * 2 + 16 * 8 * 1024; }

PytorchRun run_pytorch(const Graph& graph, const PytorchProgram& program) {
  NETC_CHECK(graph.loss.valid(), "PyTorch's training step wants a loss");
  Replay first(graph, program, -1);
  first.run();
  return Replay(graph, program, first.made_at_peak()).run();  // the same once more, to see what lives at the peak
}

}  // namespace netc
