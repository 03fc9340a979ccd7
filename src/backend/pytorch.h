// The network as one readable PyTorch file: module, loss, optimiser, schedule, and the checkpoints that netc writes and reads.
#pragma once

#include <string>

#include "backend/program.h"
#include "backend/pytorch_tree.h"

namespace netc {

/// A Python file that needs PyTorch 1.13 or later and NumPy. Wants a graph after the fuse pass, with or without a loss.
/// The same input gives the same bytes.
std::string pytorch_text(const Graph& graph, const Sources& sources, const ProgramOptions& options);

/// The file's name where none is given: the network's, and not that of a module the file imports.
std::string pytorch_file_name(const Graph& graph);

// pytorch_tensors.cpp: what a checkpoint holds, and first values.
/// TENSORS, NAMES, tensors(net), load, save.
std::string torch_tensors_text(const Graph& graph, const TorchTree& tree);
/// initialise(net), or nothing where PyTorch's own first values are the network's.
std::string torch_initialise_text(const Graph& graph, const TorchTree& tree);

// pytorch_training.cpp: loss, optimiser, schedule, one step, main.
std::string torch_training_text(const Graph& graph, const TorchTree& tree);
std::string torch_main_text(const Graph& graph, const TorchTree& tree);

}  // namespace netc
