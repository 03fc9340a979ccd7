// A network as a tree of blocks: what PyTorch's modules are made from.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "ir/graph.h"

namespace netc {

/// A value between layers: the layer that makes it, or -1 for the network's input.
using Made = int;
constexpr Made kNetworkInput = -1;

/// The layers of one call of a `def`, in order, and the calls inside it. Scope 0 is the file itself.
struct TorchScope {
  struct Item {
    int layer = -1, scope = -1;  ///< exactly one is set
    std::string name;            ///< a Python identifier, unique in the scope
  };
  int parent = -1;
  std::string component;  ///< of the layers' names: "block3"
  std::vector<Item> items;
  std::vector<Made> inputs, outputs;  ///< what comes from outside, by first use; what is used outside
};

struct TorchTree {
  std::vector<TorchScope> scopes;      ///< a scope stands behind the one it lies in
  std::vector<TorchLayer> twins;       ///< of each layer of the graph; of the loss too
  std::vector<int> scope_of;           ///< of each layer
  std::vector<std::string> path;       ///< of each layer: "block3.conv1" in Python
  std::unordered_set<std::string> globals;  ///< names that the file's top level has
  Made result = kNetworkInput;         ///< what the network returns

  bool is_loss(const Graph& graph, size_t layer) const { return graph.loss.valid() && graph.loss.at() == layer; }
};

/// Wants a graph after the fuse pass. `globals` are names the file defines besides those of helpers.
TorchTree torch_tree(const Graph& graph, std::unordered_set<std::string> globals);

}  // namespace netc
