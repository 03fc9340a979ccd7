#include "sample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "random.h"

namespace netrt {

Sampler::Sampler(Context& ctx, char* arena, const ProgramSpec& spec, const Steps& steps, const Options& options)
    : ctx_(ctx), arena_(arena), spec_(spec), steps_(steps), options_(options) {
  check_next_token(spec.data, "--sample");
  form_ = token_form(spec.data, options.data);
  prompt_ = tokens_of(options.prompt, form_, spec.data.vocabulary);
  check_causal();
}

void Sampler::evaluate(const std::vector<int32_t>& tokens, int32_t filler) {
  std::vector<int32_t> input(static_cast<size_t>(spec_.input_bytes) / sizeof(int32_t), filler);
  std::copy(tokens.begin(), tokens.end(), input.begin());
  const std::vector<int32_t> label(static_cast<size_t>(spec_.label_bytes) / sizeof(int32_t));
  upload(ctx_, arena_ + spec_.input_offset, input.data(), static_cast<size_t>(spec_.input_bytes));
  upload(ctx_, arena_ + spec_.label_offset, label.data(), static_cast<size_t>(spec_.label_bytes));
  run_state(ctx_).valid = 1;
  steps_.evaluate(ctx_, 0);
}

std::vector<float> Sampler::scores(int64_t first, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count * spec_.data.classes));
  const int64_t offset = spec_.scores_offset + first * spec_.data.classes * static_cast<int64_t>(sizeof(float));
  download(ctx_, values.data(), arena_ + offset, values.size() * sizeof(float));
  return values;
}

void Sampler::check_causal() {
  const int64_t half = spec_.data.c / 2;
  if (half == 0 || spec_.data.vocabulary < 2) return;
  const std::vector<int32_t> tokens(static_cast<size_t>(half));
  evaluate(tokens, 0);
  const std::vector<float> before = scores(0, half);
  evaluate(tokens, static_cast<int32_t>(spec_.data.vocabulary - 1));
  const std::vector<float> after = scores(0, half);
  if (std::memcmp(before.data(), after.data(), after.size() * sizeof(float)) != 0) {
    throw DataError("--sample wants a causal network: here the scores of a position depend on the tokens behind it, "
                    "so it has seen what it would predict (`attn` without `causal`, or a layer that mixes positions)");
  }
}

int32_t Sampler::draw(const std::vector<float>& scores, uint64_t seed, int64_t index) const {
  // A network may have scores for more than the tokens there are.
  const auto end = scores.begin() + static_cast<ptrdiff_t>(spec_.data.vocabulary), best = std::max_element(scores.begin(), end);
  if (options_.temperature == 0) return static_cast<int32_t>(best - scores.begin());
  std::vector<double> sums(static_cast<size_t>(spec_.data.vocabulary));
  double sum = 0;
  for (size_t i = 0; i < sums.size(); ++i) sums[i] = sum += std::exp((static_cast<double>(scores[i]) - *best) / options_.temperature);
  const Random4 random = philox(seed, stream_of("sample"), static_cast<uint64_t>(index));
  const double uniform = static_cast<double>((static_cast<uint64_t>(random.v[0]) << 32 | random.v[1]) >> 11) * 0x1p-53;
  const auto found = std::upper_bound(sums.begin(), sums.end(), uniform * sum);
  return static_cast<int32_t>(std::min<ptrdiff_t>(found - sums.begin(), static_cast<ptrdiff_t>(sums.size()) - 1));
}

void Sampler::print(uint64_t seed, std::FILE* to) {
  TokenText text(form_, spec_.data.vocabulary);
  const auto show = [to](const std::string& words) { std::fwrite(words.data(), 1, words.size(), to); };
  for (const int32_t token : prompt_) show(text.next(token));
  std::vector<int32_t> window = prompt_;
  // Text begins as behind an end of line; ids behind the last one, the end of a text in GPT-2's vocabulary.
  if (window.empty()) {
    window = form_ == TokenForm::ids ? std::vector<int32_t>{static_cast<int32_t>(spec_.data.vocabulary - 1)}
                                     : tokens_of("\n", form_, spec_.data.vocabulary);
  }
  const auto length = static_cast<size_t>(spec_.data.c);
  for (int64_t i = 0; i < options_.sample; ++i) {
    if (window.size() > length) window.erase(window.begin(), window.end() - static_cast<ptrdiff_t>(length));
    evaluate(window, 0);
    window.push_back(draw(scores(static_cast<int64_t>(window.size()) - 1, 1), seed, i));
    show(text.next(window.back()));
    std::fflush(to);
  }
  show(text.rest() + "\n");
  std::fflush(to);
}

}  // namespace netrt
