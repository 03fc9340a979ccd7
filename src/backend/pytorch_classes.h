// The classes of an emitted PyTorch file: one a block, shared by all blocks that differ in numbers only.
#pragma once

#include <string>

#include "backend/pytorch_tree.h"
#include "diag/diagnostic.h"

namespace netc {

/// The classes, those that others are made of first, `Net` last. `after`: a statement for the end of Net's constructor, may be empty.
std::string torch_classes(const Graph& graph, const TorchTree& tree, const Sources& sources, const std::string& after);

}  // namespace netc
