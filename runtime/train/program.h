// What a trainer is made of: constants that netc writes (ProgramSpec) and the functions of the network (Steps).
// The emitted program's main and `netc --train` both call train_main with these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "device.h"

namespace netrt {

enum class InitKind { uniform, normal, constant };

/// A tensor that outlives a step: parameter, running statistic or optimiser state. All are float32.
struct Tensor {
  const char* name;  ///< "conv1.w"
  enum Class { parameter, state, optimizer } cls;
  int64_t offset;    ///< bytes, in the arena
  std::vector<int64_t> shape;
  InitKind init;
  double init_value;  ///< uniform: bound; normal: standard deviation; constant: the constant
};

enum class TargetKind {
  class_index,  ///< int32 a row
  one_hot,      ///< float, 1 for the class
  input,        ///< float, the input itself (an autoencoder)
  values,       ///< float, from the data: masks, regression targets
};

struct Augmentation {
  const char* word;  ///< crop, flip, normalize, resize, cutout
  std::vector<double> numbers;
};

struct DataSpec {
  const char* reader;  ///< idx, cifar10, folder, npy, shapes, tokens, bytes, arithmetic
  const char* path;    ///< as the .net has it, relative to the .net's folder unless absolute; empty for shapes and arithmetic
  int64_t h, w, c;     ///< of one input; a sequence of T tokens is 1 x 1 x T
  int64_t classes;     ///< columns of the scores: what a class index must stay below
  int64_t target_rows; ///< rows of scores a sample (1 for a classifier)
  int64_t target_values;  ///< floats of a target that is not a class index
  TargetKind target;
  std::vector<Augmentation> augmentation;
  int64_t vocabulary = 0;  ///< the input is int32 token ids below this; 0: it is floats
};

struct TrainSpec {
  double learning_rate;
  const char* schedule;  ///< constant, step, cosine, linear
  double schedule_every, schedule_factor, warmup;  ///< in epochs, or in steps if `steps` > 0
  int64_t batch, micro_steps;
  int64_t epochs, steps;
  int64_t validate_every, stop_after;
  uint64_t seed;
};

struct ProgramSpec {
  const char* network;
  const char* command;   ///< the netc command line that made the program
  const char* loss;      ///< softmax, bce, mse: how to name the metrics
  size_t arena_bytes;    ///< what the plan says
  int slots;             ///< input slots: 1 or 2
  int64_t input_offset, input_bytes;  ///< slot i at input_offset + i * the bytes rounded up to 256
  int64_t label_offset, label_bytes;
  int64_t metrics_offset;
  int64_t scores_offset;  ///< of the scores (batch x target_rows x classes floats) once `evaluate` has run
  std::vector<Tensor> tensors;
  DataSpec data;
  TrainSpec train;
};

/// The network's functions. `slot` says which input slot holds the batch. begin and update may be empty: few plans need them.
struct Steps {
  std::function<void(Context&, char* arena)> bind;  ///< once, after the allocation: sets the pointers
  std::function<void(Context&)> begin;              ///< once a step, before the micro-steps
  std::function<void(Context&, int slot)> micro;    ///< forward, backward and the updates that are ready
  std::function<void(Context&)> update;             ///< once a step, after the micro-steps
  std::function<void(Context&, int slot)> evaluate; ///< forward without training, adds to the metrics
};

/// Parses the options (--help lists them), allocates, trains, evaluates, prints. Returns the exit status.
int train_main(const ProgramSpec&, const Steps&, int argc, char** argv);

}  // namespace netrt
