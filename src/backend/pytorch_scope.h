// One block of a network as lines of Python.
#pragma once

#include <string>
#include <vector>

#include "backend/pytorch_tree.h"
#include "diag/diagnostic.h"

namespace netc {

/// The statements of the files, found by their places.
class TorchSource {
 public:
  explicit TorchSource(const Sources& sources);
  /// "a.net:4"; empty without a place.
  std::string place(const Location& where) const;
  /// The statement at a place as the file has it, with names where the layer has numbers.
  std::string statement(const Location& where) const;

 private:
  const Sources& sources_;
  std::vector<std::vector<size_t>> lines_;  ///< of each file: where its lines begin
};

/// A line of a class and where it comes from.
struct TorchLine {
  std::string code;
  std::string comment;  ///< "a.net:4  conv 64 3x3 pad -> 32x32x64"; empty where the line stands for a whole block
  std::string written;  ///< the same without what differs from call to call: "a.net:4  conv c 3x3 pad"
};

struct TorchBody {
  std::vector<TorchLine> init, forward;
  std::string arguments;  ///< of forward: "x"
};

/// `constructors`: for each scope inside this one, the call that makes it: "Block(64)".
TorchBody torch_body(const Graph& graph, const TorchTree& tree, int scope, const TorchSource& source,
                     const std::vector<std::string>& constructors);

}  // namespace netc
