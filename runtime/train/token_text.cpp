#include <charconv>

#include "tokens.h"

namespace netrt {

namespace {

/// Bytes of the UTF-8 character that begins with this byte; 0 where none does.
size_t utf8_length(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

bool continues_character(uint8_t value) { return (value & 0xC0) == 0x80; }

std::string escaped(uint8_t value) {
  constexpr char digits[] = "0123456789abcdef";
  return {'\\', 'x', digits[value >> 4], digits[value & 15]};
}

std::string escaped(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += escaped(static_cast<uint8_t>(byte));
  return text;
}

int32_t known(int64_t id, int64_t vocabulary, const std::string& what) {
  if (id >= 0 && id < vocabulary) return static_cast<int32_t>(id);
  throw DataError(what + " has the id " + std::to_string(id) + ", the network's input knows the ids 0 to " + std::to_string(vocabulary - 1));
}

std::vector<int32_t> numbers_of(const std::string& text, int64_t vocabulary) {
  std::vector<int32_t> tokens;
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    int64_t id = 0;
    const auto [rest, error] = std::from_chars(at, end, id);
    if (error != std::errc() || (rest < end && *rest != ' ' && *rest != ',')) {
      throw DataError("\"" + text + "\": these tokens are numbers, separated by blanks or commas");
    }
    tokens.push_back(known(id, vocabulary, "\"" + text + "\""));
    at = rest;
  }
  return tokens;
}

}  // namespace

std::vector<int32_t> tokens_of(const std::string& text, TokenForm form, int64_t vocabulary) {
  if (form == TokenForm::ids) return numbers_of(text, vocabulary);
  std::vector<int32_t> tokens;
  for (const char c : text) {
    if (form == TokenForm::bytes) {
      tokens.push_back(known(static_cast<uint8_t>(c), vocabulary, "a byte of \"" + text + "\""));
      continue;
    }
    const size_t at = kArithmeticAlphabet.find(c);
    if (at == std::string_view::npos) throw DataError("\"" + text + "\": the generated language has only digits and + - * ( ) =");
    tokens.push_back(static_cast<int32_t>(static_cast<int64_t>(at) % vocabulary));
  }
  return tokens;
}

std::string TokenText::next(int32_t token) {
  if (form_ == TokenForm::bytes && token < 256) return byte(static_cast<uint8_t>(token));
  const auto letters = static_cast<int64_t>(kArithmeticAlphabet.size());
  if (form_ == TokenForm::arithmetic && vocabulary_ >= letters && token < letters) return std::string(1, kArithmeticAlphabet[static_cast<size_t>(token)]);
  if (form_ != TokenForm::ids) return rest() + "<" + std::to_string(token) + ">";  // a token that its data do not have
  const std::string blank = first_ ? "" : " ";
  first_ = false;
  return blank + std::to_string(token);
}

std::string TokenText::byte(uint8_t value) {
  std::string out;
  if (!pending_.empty() && !continues_character(value)) out = rest();
  if (pending_.empty() && value < 0x80) {
    const bool printable = (value >= 0x20 && value < 0x7F) || value == '\n' || value == '\t';
    return out + (printable ? std::string(1, static_cast<char>(value)) : escaped(value));
  }
  if (pending_.empty() && utf8_length(value) == 0) return out + escaped(value);
  pending_ += static_cast<char>(value);
  if (pending_.size() < utf8_length(static_cast<uint8_t>(pending_[0]))) return out;
  out += pending_;
  pending_.clear();
  return out;
}

std::string TokenText::rest() {
  const std::string text = escaped(pending_);
  pending_.clear();
  return text;
}

}  // namespace netrt
