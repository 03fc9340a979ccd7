// A generated language, so that every network for tokens can be trained with nothing downloaded: lines such as (3+4)*2=14, one or two
// operators on digits, with no parentheses but those that are needed. Everything follows from the seed, the split and the index.
#include <algorithm>
#include <cstring>

#include "random.h"
#include "tokens.h"

namespace netrt {

namespace {

constexpr int64_t kTraining = 10000, kTest = 2000;
constexpr int kMostOperators = 2, kMostInClasses = 4;

/// Random numbers of one sample.
struct Draws {
  uint64_t seed, stream, next;
  int below(int count) {
    const uint32_t bits = philox(seed, stream, next++).v[0];
    return static_cast<int>((static_cast<uint64_t>(bits) * static_cast<uint64_t>(count)) >> 32);
  }
};

/// An expression as text, its value, and its outermost operator (0 for a digit).
struct Expression {
  std::string text;
  int value;
  char op;
};

Expression expression(Draws& draws, int operators) {
  if (operators == 0) {
    const int digit = draws.below(10);
    return {std::string(1, static_cast<char>('0' + digit)), digit, 0};
  }
  const char op = "+-*"[draws.below(3)];
  const int left_operators = draws.below(operators);
  Expression left = expression(draws, left_operators), right = expression(draws, operators - 1 - left_operators);
  const auto is_sum = [](const Expression& part) { return part.op == '+' || part.op == '-'; };
  if (op == '*' && is_sum(left)) left.text = "(" + left.text + ")";
  if ((op == '*' || op == '-') && is_sum(right)) right.text = "(" + right.text + ")";
  const int value = op == '+' ? left.value + right.value : op == '-' ? left.value - right.value : left.value * right.value;
  return {left.text + op + right.text, value, op};
}

std::string line(Draws& draws, int operators) {
  const Expression made = expression(draws, operators);
  return made.text + "=" + std::to_string(made.value) + "\n";
}

/// Either T characters from somewhere in the language with the next one for each, or one line and how many operators it has.
class Arithmetic : public Dataset {
 public:
  Arithmetic(const DataSpec& spec, Split split, uint64_t seed)
      : length_(spec.c), vocabulary_(spec.vocabulary), seed_(seed), count_(split == Split::train ? kTraining : kTest),
        stream_(stream_of(split == Split::train ? "arithmetic.train" : "arithmetic.test")), continues_(next_token_targets(spec)) {
    const bool classifies = spec.target == TargetKind::class_index && spec.target_rows == 1;
    if (continues_ || !classifies) check_next_token(spec, "arithmetic");
    kinds_ = static_cast<int>(std::min<int64_t>({kMostInClasses, spec.classes, std::max<int64_t>(1, (length_ + 1) / 4)}));
  }

  int64_t size() const override { return count_; }

  void sample(int64_t index, uint64_t, void* input, void* target) const override {
    Draws draws{seed_, stream_, static_cast<uint64_t>(index) << 32};
    std::string text;
    if (continues_) {
      text = line(draws, 1 + draws.below(kMostOperators));
      text.erase(0, static_cast<size_t>(draws.below(static_cast<int>(text.size()))));
      while (static_cast<int64_t>(text.size()) <= length_) text += line(draws, 1 + draws.below(kMostOperators));
    } else {
      text = line(draws, 1 + static_cast<int>(index % kinds_));
      text.resize(static_cast<size_t>(length_), '\n');
    }
    write_ids(text, 0, length_, static_cast<int32_t*>(input));
    if (target == nullptr) return;
    if (continues_)
      write_ids(text, 1, length_, static_cast<int32_t*>(target));
    else
      *static_cast<int32_t*>(target) = static_cast<int32_t>(index % kinds_);
  }

 private:
  void write_ids(const std::string& text, int64_t first, int64_t count, int32_t* to) const {
    for (int64_t i = 0; i < count; ++i)
      to[i] = static_cast<int32_t>(static_cast<int64_t>(kArithmeticAlphabet.find(text[static_cast<size_t>(first + i)])) % vocabulary_);
  }

  int64_t length_, vocabulary_;
  uint64_t seed_;
  int64_t count_;
  uint64_t stream_;
  bool continues_;
  int kinds_ = 1;  ///< classes that occur: 1 + class operators, as many as fit in the sequence
};

}  // namespace

std::unique_ptr<Dataset> open_arithmetic(const DataSpec& spec, Split split, uint64_t seed) {
  return std::make_unique<Arithmetic>(spec, split, seed);
}

}  // namespace netrt
