// A network around one op, from an example of its row.
#pragma once

#include <fmt/format.h>

#include <string>

#include "ir/op.h"

namespace netc {

/// The op between two layers with weights, so that the gradients of its input (unless that is token ids) and of its parameters are both seen.
inline std::string around(const OpDef& op, const Example& example) {
  if (example.vocabulary > 0)
    return fmt::format("input {} tokens {}\n{}\nfc 3\nloss softmax\ntrain {{ sgd 0.1; batch 3 }}\n", example.input[0], example.vocabulary, example.source);
  std::string text = fmt::format("input {}\n", example.input.size() == 1 ? fmt::format("1x1x{}", example.input[0]) : shape_text(example.input));
  const int64_t c = example.input.back();
  const bool flat = example.input.size() == 1, tokens = example.input.size() == 2;
  // One weight a channel before a pool: a step then moves all of a window alike.
  text += flat || tokens ? fmt::format("fc {}\n", c) : op.commutes_with_relu ? "depthwise 1x1\n" : fmt::format("conv {} 1x1\n", c);
  if (op.is_loss) return text + (flat || tokens ? "" : "tanh\n") + std::string(example.source) + "\ntrain { sgd 0.1; batch 3 }\n";
  return text + std::string(example.source) + "\nfc 3\nloss softmax\ntrain { sgd 0.1; batch 3 }\n";
}

}  // namespace netc
