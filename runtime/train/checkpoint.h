// Checkpoints: parameters and running statistics under their names in the .net, the optimiser's state under "optimizer/", where the run
// stands in the metadata; one safetensors file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "program.h"

namespace netrt {

/// Where a run stands: with the tensors, all that going on bit for bit needs.
struct TrainingState {
  int64_t step = 0;           ///< steps done
  uint64_t seed = 0;
  int64_t evaluations = 0;    ///< evaluations done
  int64_t worse = 0;          ///< evaluations since the best one
  double best = 0;            ///< the best evaluation's score (see Score in loop.cpp); meaningless while evaluations is 0
};

/// Writes to FILE.tmp and renames, so that FILE is always whole. Throws DataError.
void save_checkpoint(Context&, const char* arena, const ProgramSpec&, const TrainingState&, const std::string& file);

/// Where the run that wrote a checkpoint stood; nothing if it is only weights, from elsewhere. Throws DataError.
std::optional<TrainingState> checkpoint_state(const std::string& file);

/// Fills the arena's tensors. Everything is checked before the first byte is written. Leaves the optimiser's tensors alone where
/// the file is only weights. Throws DataError.
void load_checkpoint(Context&, char* arena, const ProgramSpec&, const std::string& file);

}  // namespace netrt
