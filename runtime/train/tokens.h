// Token ids: which form they have, and how they are read and written as text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data.h"

namespace netrt {

/// What a token is to a person.
enum class TokenForm {
  ids,         ///< a number
  bytes,       ///< a byte of text
  arithmetic,  ///< a character of the generated language
};

/// The form of the data that this spec reads from `path`, which replaces the spec's unless empty. Throws DataError where `path` names
/// files of both forms.
TokenForm token_form(const DataSpec&, const std::string& path);

/// The files that `path` means, sorted by name: a file, or those of a folder or of a pattern (* ? [a-z]) in the name. Of a folder the
/// .bin files if there are any, else all. Throws DataError where there is none.
std::vector<std::string> token_files(const std::string& path);

/// The ids of a text: of its bytes, of its characters, or of numbers that blanks or commas separate. Throws DataError.
std::vector<int32_t> tokens_of(const std::string& text, TokenForm, int64_t vocabulary);

/// Writes tokens as text, one after the other. What is not printable is escaped: \x07.
class TokenText {
 public:
  TokenText(TokenForm form, int64_t vocabulary) : form_(form), vocabulary_(vocabulary) {}
  /// What to print now that `token` has come: nothing while a UTF-8 character is not complete.
  std::string next(int32_t token);
  /// What is left at the end.
  std::string rest();

 private:
  std::string byte(uint8_t value);

  TokenForm form_;
  int64_t vocabulary_;
  std::string pending_;  ///< the beginning of a UTF-8 character
  bool first_ = true;
};

/// The characters of the generated language; a character's id is its place here, modulo the vocabulary.
constexpr std::string_view kArithmeticAlphabet = "\n0123456789+-*()=";

/// True if the targets are the token that follows each position.
bool next_token_targets(const DataSpec&);

/// Throws DataError where they are not, or where the network has no score for some token. `name` is for the message.
void check_next_token(const DataSpec&, const std::string& name);

/// The entropy of the ids of `data` in nats, -sum p ln p over their frequencies in epoch 0 (in the first 2^26 of them where there are more).
double unigram_entropy(const Dataset& data, const DataSpec&);

}  // namespace netrt
