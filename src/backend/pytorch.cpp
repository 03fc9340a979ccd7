#include "backend/pytorch.h"

#include <fmt/format.h>

#include <algorithm>

#include "backend/identifiers.h"
#include "backend/pytorch_classes.h"

namespace netc {

namespace {

/// What the file's top level defines or imports, apart from classes of blocks and what ops bring along.
const std::unordered_set<std::string> kGlobals{
    "argparse", "functools", "json", "math", "os", "struct", "np", "torch", "nn", "F", "Net", "BATCH", "MICRO_STEPS", "TENSORS", "NAMES", "tensors", "modules",
    "netc_arrays", "read_safetensors", "load", "save", "initialise", "inputs", "targets", "loss", "make_optimizer", "learning_rate", "train_step",
    "main", "getattr", "isinstance", "len", "range", "print", "slice", "sorted", "tuple", "list", "dict", "set", "str", "int", "bool", "max", "min",
    "sum", "object", "property", "zip", "map", "any", "all", "abs", "bytes", "open"};

std::string header(const Graph& graph, const ProgramOptions& options) {
  std::string text = fmt::format("# {} in PyTorch: network, loss, optimiser and schedule, by\n#   {}\n#\n", comment_text(graph.name),
                                 comment_text(options.command));
  const std::string file = pytorch_file_name(graph);
  text += fmt::format("#   python3 {} --weights FILE               # weights that netc --train --save wrote; prints parameters and loss\n", file);
  if (graph.loss.valid())
    text += fmt::format("#   python3 {} --data DIR --steps N --save FILE    # trains; netc --load reads the weights\n", file);
  return text +
         "#\n# Images are N x C x H x W, sequences N x T x C. Attributes are netc's names: the weight conv1.w of the checkpoint is\n"
         "# net.conv1.weight. Wants PyTorch 1.13 or later and NumPy.\n";
}

std::string helpers(const TorchTree& tree) {
  std::vector<std::string> known;
  std::string text;
  for (const TorchLayer& twin : tree.twins) {
    if (twin.helper.empty() || std::find(known.begin(), known.end(), twin.helper) != known.end()) continue;
    known.push_back(twin.helper);
    text += twin.helper + "\n\n";
  }
  return text;
}

}  // namespace

std::string pytorch_text(const Graph& graph, const Sources& sources, const ProgramOptions& options) {
  const TorchTree tree = torch_tree(graph, kGlobals);
  const std::string initialise = torch_initialise_text(graph, tree), tensors = torch_tensors_text(graph, tree);
  const std::string training = torch_training_text(graph, tree);
  std::string text = header(graph, options) + "import argparse\n";
  if (tensors.find("functools.") != std::string::npos) text += "import functools\n";
  text += "import json\n";
  if (training.find("math.") != std::string::npos) text += "import math\n";
  text += "import os\nimport struct\n\nimport numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n";
  text += fmt::format("BATCH, MICRO_STEPS = {}, {}\n\n\n", graph.train.batch, graph.train.micro_steps);
  text += helpers(tree) + torch_classes(graph, tree, sources, initialise.empty() ? "" : "initialise(self)");
  return text + initialise + tensors + "\n\n" + training + torch_main_text(graph, tree);
}

std::string pytorch_file_name(const Graph& graph) {
  const std::string name = program_name(graph);
  const bool shadows = kGlobals.contains(name) || name == "numpy" || name == "torch";
  return name + (shadows ? "_net.py" : ".py");
}

}  // namespace netc
