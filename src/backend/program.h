// The text of the emitted training program, the same for every target but for the plan's constants.
#pragma once

#include <string>

#include "diag/diagnostic.h"
#include "plan/plan.h"

namespace netc {

struct ProgramOptions {
  std::string command;  ///< netc's command line, for the header
  std::string folder;   ///< of the .net: relative data paths start there
  std::string version;
};

/// A readable C++ file: header with the layer table and the memory map, constants, tensors, forward, backward, update, evaluate, main.
/// The same input gives the same bytes.
std::string program_text(const Graph& graph, const Plan& plan, const Sources& sources, const ProgramOptions& options);

/// The name of the program and its folder: the network's name made safe for a file and a CMake target.
std::string program_name(const Graph& graph);

}  // namespace netc
