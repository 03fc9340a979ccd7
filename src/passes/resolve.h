// The first pass: the tree of a `.net` file to the forward Graph.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "diag/diagnostic.h"
#include "ir/graph.h"
#include "syntax/ast.h"

namespace netc {

constexpr int64_t kMostLayers = 1'000'000;  ///< after expansion

struct ResolveOptions {
  std::map<std::string, double> sets;  ///< `--set NAME=VALUE`: overrides a `let` of the top level
  std::optional<int64_t> batch;        ///< `--batch N`: overrides the samples of a micro-step
  /// Another shape of the input, of as many sizes as the file's; empty: the file's. A `let` of the file whose name is one of the sizes, channels
  /// and vocabulary apart (`input T tokens V`), takes the new one, so that what else is written with it follows.
  Shape input;
  bool fits = false;                   ///< with `--fit`: what to make again is chosen later
  bool needs_loss = false;             ///< a network without a loss is an error (N0406)
};

/// Expands defs, loops, repeats and conditions, infers every shape, and makes layers and values: input, label, metrics, activations,
/// parameters and states. Nodes are made by later passes. Files named by `use` are read into `sources`. Reports every mistake;
/// returns nothing if there was an error, here or before. Linear in the number of expanded layers.
std::optional<Graph> resolve(const ast::File& file, const ResolveOptions& options, Sources& sources, Diagnostics& diagnostics);

}  // namespace netc
