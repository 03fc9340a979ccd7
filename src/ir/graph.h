// Graph: layers, values and kernel-call nodes in vectors, addressed by id. It knows nothing of the batch size:
// a Type says only whether there is one tensor a sample.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/op.h"
#include "support/ids.h"

namespace netc {

/// A part of the batch: samples [index * B / count, (index + 1) * B / count) of B. Only where count divides B.
struct Slice {
  int index = 0;
  int count = 1;  ///< 1: the whole batch
};

/// What a value is for; decides its memory class (docs/memory.md).
enum class ValueKind : uint8_t {
  input, label, parameter, state, optimizer, gradient /*of a parameter*/, activation, aux, activation_gradient, metrics
};

struct Value {
  std::string name;  ///< "conv2", "conv2.w", "block3.conv1.dw"
  Type type;
  ValueKind kind = ValueKind::activation;
  LayerId layer;     ///< the layer it belongs to; none for the input
  ValueId of;        ///< gradient or optimiser state: the parameter
  ValueId same_as;   ///< another name for the same bytes (flatten, a gradient passed through)
  ParamRole role = ParamRole::weight;  ///< parameters
  Init init;                           ///< parameters and state, resolved: normal, uniform or constant
  std::string_view what;               ///< aux: what it holds
  int slices = 1;    ///< where batched: it holds the samples of one slice of so many; 1: of the whole batch
};

/// Bytes of `value` at a batch of `batch` samples, of which it may hold a slice.
Size value_bytes(const Value& value, int64_t batch);

/// A value that a pass has not added to the graph yet: one like another, for a slice of the batch where that is batched.
struct Piece {
  ValueId of;
  Slice slice;
};

/// One statement of the network after defs, loops and repeats are expanded.
struct Layer {
  std::string name;  ///< unique: "conv1", "bottleneck3.conv2"
  const OpDef* op = nullptr;
  Args args;
  Location where;
  std::string source;  ///< the statement as a reader would write it: "conv 64 3x3/2 pad"
  std::vector<ValueId> inputs;
  ValueId output;
  std::vector<ValueId> params, states;
  bool has_bias = true;
  LayerId tied;  ///< its first parameter is that layer's
  Activation activation = Activation::none;  ///< fused into this layer
  double alpha = 0;
  LayerId fused_into;  ///< this activation layer runs inside that one
  // As written, before the fuse pass rearranges anything:
  Shape shape;                   ///< of the output
  std::vector<LayerId> sources;  ///< the layers that make its inputs; none for the network's input
};

enum class Phase : uint8_t { forward, backward, update };

/// Which part of a step a node belongs to. Updates that are ready at once are in `micro`.
enum class Section : uint8_t {
  begin,   ///< once a step, before the micro-steps: zeroing accumulators
  micro,   ///< forward, backward and the updates that are ready, once a micro-step
  update,  ///< once a step, after the micro-steps
};

/// One kernel call.
struct Node {
  LayerId layer;
  int part = 0;
  Phase phase = Phase::forward;
  Section section = Section::micro;
  Literal kernel;
  Few<ValueId, 4> outputs, inputs;  ///< in the kernel's order; an invalid id is nullptr
  Desc desc;
  bool in_place = false;   ///< outputs[0] may take the bytes of inputs[in_place_input] (any input if -1) once nobody else reads them
  int in_place_input = 0;
  ValueId continues;       ///< outputs[0] is written into the bytes of this value, always (a concat's next branch)
  bool workspace = false;
  Literal purpose;         ///< "the weight gradient of conv2"
  Work work;
  bool adds = false;       ///< reads what outputs[0], a gradient, holds before it writes it
  bool mixes_samples = false;  ///< it cannot run on a slice of the batch (KernelCall::mixes_samples)
  Slice slice;             ///< the samples it runs on: of its batched operands that hold the whole batch, it reads or writes these
};

// ---- Settings of `input`, `loss` and `train` -------------------------------------------------------

struct Augmentation {
  std::string word;  ///< crop, flip, normalize, resize, cutout
  std::vector<double> numbers;
  Location where;
};

struct DataSource {
  std::string reader;  ///< idx, cifar10, folder, npy, shapes, tokens, bytes, arithmetic; empty: none given
  std::string path;
  std::vector<Augmentation> augmentation;
  Location where;
};

/// What the loss compares the output with, for each sample.
enum class TargetKind : uint8_t { class_index, one_hot, input, values };

enum class OptimizerKind : uint8_t { sgd, adam, adamw, rmsprop };
enum class DecayScope : uint8_t { weights, matrices, all };
enum class ScheduleKind : uint8_t { constant, step, cosine, linear };

/// The layers of a labelled statement: what `recompute LABEL` makes again.
struct LabelledLayers {
  int first = 0, count = 0;  ///< of Graph::layers
  ValueId value;             ///< what the statement leaves; of several layers it is kept, so that the next ones can start from it
};

struct TrainSettings {
  bool given = false;  ///< the file has a `train` statement
  OptimizerKind optimizer = OptimizerKind::sgd;
  double learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double rms_keep = 0.99;  ///< rmsprop's alpha
  double decay = 0;
  DecayScope decay_scope = DecayScope::weights;
  double clip = 0;  ///< largest global norm; 0: none
  int64_t batch = 1;
  int64_t micro_steps = 1;
  ScheduleKind schedule = ScheduleKind::constant;
  double schedule_every = 0;   ///< step n f: n, in epochs (or in steps where `steps` is given)
  double schedule_factor = 1;  ///< step n f: f; cosine to f, linear to f: the final fraction of the rate
  double warmup = 0;           ///< in the same unit
  int64_t epochs = 0, steps = 0;  ///< exactly one is set; epochs 1 if the file sets neither
  std::string dtype = "fp32";
  int64_t validate_every = 1;  ///< epochs between evaluations
  int64_t stop_after = 0;      ///< early stopping after that many evaluations without a better one; 0: off
  std::vector<LabelledLayers> recompute;
  bool recompute_auto = false;  ///< `recompute auto`: `--fit` decides
  Location where;
};

struct Graph {
  std::string name;
  std::vector<Layer> layers;
  std::vector<Value> values;
  std::vector<LayerId> order;    ///< execution order of the layers, set by the fuse pass
  std::vector<Node> nodes;       ///< one training step, in execution order; set by differentiate
  /// By layer and part: the call that makes outputs[0] of the forward call again, where it is not that one itself.
  std::map<std::pair<LayerId, int>, Node> again;
  std::vector<Node> evaluation;  ///< one evaluation batch; set by lower_evaluation
  std::vector<std::pair<ValueId, ValueId>> evaluation_aliases;  ///< {y, x}: in evaluation y is another name of x (dropout)

  ValueId input, label, metrics;
  int64_t vocabulary = 0;  ///< the input is token ids below this; 0: it is numbers
  ValueId output;  ///< the loss's input: the logits
  LayerId last;    ///< the layer that leaves it, as written; none where the input is the output. Set by the fuse pass
  LayerId loss;    ///< none when the file has no loss
  TargetKind target = TargetKind::class_index;
  DataSource data;
  TrainSettings train;
  uint64_t seed = 1;

  Value& operator[](ValueId id) { return values[id.at()]; }
  const Value& operator[](ValueId id) const { return values[id.at()]; }
  Layer& operator[](LayerId id) { return layers[id.at()]; }
  const Layer& operator[](LayerId id) const { return layers[id.at()]; }

  ValueId add(Value value);
  LayerId add(Layer layer);
  /// The value whose bytes `id` names: follows same_as to its end.
  ValueId storage(ValueId id) const;
  /// The layer as its row's functions see it; `shapes` keeps the input shapes alive.
  LayerInfo info(const Layer& layer, std::vector<Shape>& shapes, int part = 0) const;
};

/// Whether weight decay applies to `parameter`.
bool decays(const Value& parameter, DecayScope scope);

}  // namespace netc
