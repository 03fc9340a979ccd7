// The network that tests of every op are made of.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "ir/op.h"

namespace netc {

/// The op between two layers with weights, so that the gradients of its input (unless that is token ids) and of its parameters are both seen.
/// `behind`: statements after it, each with its end of line.
inline std::string network_around(const OpDef& op, const Example& example, std::string_view behind = {}) {
  if (example.vocabulary > 0)
    return fmt::format("input {} tokens {}\n{}\n{}fc 3\nloss softmax\ntrain {{ sgd 0.1; batch 3 }}\n", example.input[0], example.vocabulary, example.source,
                       behind);
  std::string text = fmt::format("input {}\n", example.input.size() == 1 ? fmt::format("1x1x{}", example.input[0]) : shape_text(example.input));
  const int64_t c = example.input.back();
  const bool flat = example.input.size() == 1, tokens = example.input.size() == 2;
  // One weight a channel before a pool: a step then moves all of a window alike.
  text += flat || tokens ? fmt::format("fc {}\n", c) : op.commutes_with_relu ? "depthwise 1x1\n" : fmt::format("conv {} 1x1\n", c);
  if (op.is_loss) return text + (flat || tokens ? "" : "tanh\n") + std::string(example.source) + "\ntrain { sgd 0.1; batch 3 }\n";
  return text + fmt::format("{}\n{}fc 3\nloss softmax\ntrain {{ sgd 0.1; batch 3 }}\n", example.source, behind);
}

}  // namespace netc
