// Drawing tokens from a trained network (--sample).
#pragma once

#include <cstdint>
#include <cstdio>
#include <vector>

#include "options.h"
#include "program.h"
#include "tokens.h"

namespace netrt {

/// Draws one token after the other: the network's evaluation schedule runs on the tokens so far, and the next is drawn from the scores of
/// the last. Fewer tokens than the network's T stand at the beginning of its input, more leave it at the front.
class Sampler {
 public:
  /// The steps are bound to the arena, whose parameters are set. Throws DataError where the network does not predict the next token, is
  /// not causal, or does not know a token of the prompt.
  Sampler(Context&, char* arena, const ProgramSpec&, const Steps&, const Options&);

  /// Prints the prompt, if any, and `options.sample` tokens behind it. The same seed, weights and options print the same.
  void print(uint64_t seed, std::FILE* to);

 private:
  /// Fills the input slot: `tokens` at its beginning, `filler` behind them. Then the network runs.
  void evaluate(const std::vector<int32_t>& tokens, int32_t filler);
  /// The scores of positions first..first+count-1.
  std::vector<float> scores(int64_t first, int64_t count);
  /// Scores of a position must not depend on tokens behind it. Tokens of the second half change; the first half's scores must not.
  void check_causal();
  int32_t draw(const std::vector<float>& scores, uint64_t seed, int64_t index) const;

  Context& ctx_;
  char* arena_;
  const ProgramSpec& spec_;
  const Steps& steps_;
  const Options& options_;
  TokenForm form_;
  std::vector<int32_t> prompt_;
};

}  // namespace netrt
