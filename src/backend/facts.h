// What a trainer must know of a network besides its kernel calls; the interpreter fills runtime/train/program.h's ProgramSpec
// from it and the emitted program writes it down.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"

namespace netc {

struct TensorFact {
  std::string name;
  std::string cls;  ///< parameter, state, optimizer
  int64_t offset = 0;
  std::vector<int64_t> shape;
  std::string init;  ///< uniform, normal, constant
  double init_value = 0;
  int value = -1;    ///< index into Schedule::values, the same in both schedules
};

struct Facts {
  std::string network, command, loss;
  int64_t arena = 0;
  int slots = 1;
  int64_t input_offset = 0, input_bytes = 0, label_offset = 0, label_bytes = 0, metrics_offset = 0, scores_offset = 0;
  std::vector<TensorFact> tensors;
  std::string reader, data_path;
  Image input;
  int64_t classes = 0, target_rows = 1, target_values = 0;
  int64_t vocabulary = 0;  ///< the input is token ids below this; 0: numbers
  std::string target;  ///< class_index, one_hot, input, values
};

/// `folder` is where the .net lies: relative data paths start there. Wants a network with a loss.
Facts program_facts(const Graph& graph, const Plan& plan, const std::string& command, const std::string& folder);

std::string_view schedule_kind_name(ScheduleKind kind);
std::string_view optimizer_name(OptimizerKind kind);

}  // namespace netc
