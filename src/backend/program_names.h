// How the emitted program refers to the values and constants of a plan.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/identifiers.h"
#include "plan/plan.h"

namespace netc {

/// A struct of pointers in the program: `Params params` and its members.
struct PointerGroup {
  std::string type, name, comment;
  struct Member {
    std::string identifier;
    int value = -1;  ///< index into the schedule's values
  };
  std::vector<Member> members;
};

struct ProgramNames {
  std::vector<PointerGroup> groups;             ///< of the training schedule, persistent values included
  PointerGroup evaluation;                      ///< what only evaluation uses
  std::vector<std::string> train, evaluate;     ///< by value index: "acts.conv1"

  /// Constants in the order of first use: name and initialiser.
  struct Constant {
    std::string type, name, value;
  };
  std::vector<Constant> constants;
  /// Elements of a slice of a tensor that holds the whole batch.
  struct SliceSize {
    std::string name;
    int64_t elements, samples;
  };
  std::vector<SliceSize> slice_sizes;
  std::map<std::pair<int, int>, std::string> train_slice, evaluate_slice;  ///< by value and number of slices: "kSliceOfRelu1"

  std::vector<std::string> train_constant, evaluate_constant;  ///< by call index: "kConv1", empty where the kernel takes none
};

ProgramNames program_names(const Graph& graph, const Plan& plan);

/// "{.n = 64, .h = 28, ...}".
std::string desc_initializer(const Desc& desc, int64_t batch);
/// The C++ type a value's elements have in the program: "float", "int32_t", "uint8_t", "Metrics".
std::string_view element_type(const PlannedValue& value);

}  // namespace netc
