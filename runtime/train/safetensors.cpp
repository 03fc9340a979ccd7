#include "safetensors.h"

#include <algorithm>
#include <set>

#include "data.h"

namespace netrt {

namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void append_utf8(std::string& out, uint32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// The part of JSON that a header uses: objects, strings and arrays of whole numbers that are not negative.
class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  [[noreturn]] void wrong(const std::string& expected) const {
    throw DataError(file_ + ": not a safetensors header at byte " + std::to_string(8 + at_) + ": expected " + expected);
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
  }

  bool take(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void want(char c) {
    if (!take(c)) wrong(std::string("'") + c + "'");
  }

  /// {"key": <item>, ...}
  template <class Item>
  void object(Item item) {
    want('{');
    if (take('}')) return;
    do {
      skip_blanks();
      const std::string key = string();
      want(':');
      skip_blanks();
      item(key);
    } while (take(','));
    want('}');
  }

  std::string string() {
    want('"');
    std::string out;
    while (true) {
      if (at_ >= text_.size()) wrong("the end of a string");
      const char c = text_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) wrong("no control character in a string");
      if (c == '\\') {
        escape(out);
      } else {
        out += c;
      }
    }
  }

  std::vector<int64_t> numbers() {
    std::vector<int64_t> out;
    want('[');
    if (take(']')) return out;
    do {
      if (out.size() == 16) wrong("at most 16 numbers");
      out.push_back(number());
    } while (take(','));
    want(']');
    return out;
  }

  void end() {
    skip_blanks();
    if (at_ != text_.size()) wrong("nothing more");
  }

 private:
  int64_t number() {
    skip_blanks();
    const size_t start = at_;
    int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (__builtin_mul_overflow(value, int64_t{10}, &value) || __builtin_add_overflow(value, int64_t{text_[at_] - '0'}, &value)) {
        wrong("a number below 2^63");
      }
    }
    if (at_ == start || (at_ - start > 1 && text_[start] == '0')) wrong("a whole number");
    return value;
  }

  void escape(std::string& out) {
    constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    if (const size_t i = from.find(c); i != std::string_view::npos) {
      out += to[i];
      return;
    }
    if (c != 'u') wrong("an escape that JSON has");
    uint32_t code = hex4();
    if (code >= 0xD800 && code < 0xDC00) {
      if (text_.substr(at_, 2) != "\\u") wrong("the second half of a surrogate pair");
      at_ += 2;
      const uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) wrong("the second half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      wrong("a character, not half a surrogate pair");
    }
    append_utf8(out, code);
  }

  uint32_t hex4() {
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = at_ < text_.size() ? text_[at_++] : '\0';
      const size_t digit = std::string_view("0123456789abcdefABCDEF").find(c);
      if (digit == std::string_view::npos) wrong("four hexadecimal digits");
      code = code * 16 + static_cast<uint32_t>(digit < 16 ? digit : digit - 6);
    }
    return code;
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
};

StoredTensor read_tensor(Reader& reader, const std::string& name, const std::string& file) {
  StoredTensor tensor;
  tensor.name = name;
  std::set<std::string> seen;
  std::vector<int64_t> offsets;
  reader.object([&](const std::string& key) {
    if (!seen.insert(key).second) reader.wrong("each key once, not \"" + key + "\" again");
    if (key == "dtype") {
      const std::string dtype = reader.string();
      if (dtype != "F32") throw DataError(file + ": tensor " + name + " is of type " + dtype + ", expected F32");
    } else if (key == "shape") {
      tensor.shape = reader.numbers();
    } else if (key == "data_offsets") {
      offsets = reader.numbers();
    } else {
      reader.wrong("dtype, shape or data_offsets, not \"" + key + "\"");
    }
  });
  if (seen.size() != 3 || offsets.size() != 2) throw DataError(file + ": tensor " + name + " lacks its dtype, shape or two data_offsets");
  tensor.first = offsets[0];
  tensor.last = offsets[1];
  std::vector<int64_t> factors = tensor.shape;
  factors.push_back(sizeof(float));
  if (tensor.last < tensor.first || product(factors) != tensor.last - tensor.first) {
    throw DataError(file + ": tensor " + name + " has " + std::to_string(tensor.last - tensor.first) + " bytes, which is not what its shape needs");
  }
  return tensor;
}

}  // namespace

std::string write_header(const SafetensorsHeader& header) {
  std::string json = "{\"__metadata__\":{";
  for (const auto& [key, value] : header.metadata) json += (json.back() == '{' ? "" : ",") + quoted(key) + ":" + quoted(value);
  json += "}";
  for (const StoredTensor& tensor : header.tensors) {
    json += "," + quoted(tensor.name) + ":{\"dtype\":\"F32\",\"shape\":[";
    for (const int64_t side : tensor.shape) json += (json.back() == '[' ? "" : ",") + std::to_string(side);
    json += "],\"data_offsets\":[" + std::to_string(tensor.first) + "," + std::to_string(tensor.last) + "]}";
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(json.size() >> (8 * i) & 255);
  return out + json;
}

SafetensorsHeader read_header(std::string_view json, int64_t data_bytes, const std::string& file) {
  SafetensorsHeader header;
  std::set<std::string> names;
  Reader reader(json, file);
  reader.object([&](const std::string& name) {
    if (!names.insert(name).second) reader.wrong("each name once, not \"" + name + "\" again");
    if (name == "__metadata__") {
      reader.object([&](const std::string& key) { header.metadata[key] = reader.string(); });
    } else {
      header.tensors.push_back(read_tensor(reader, name, file));
    }
  });
  reader.end();
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return std::pair(a.first, a.last) < std::pair(b.first, b.last); });
  int64_t next = 0;
  for (const StoredTensor& tensor : header.tensors) {
    if (tensor.first != next) throw DataError(file + ": the bytes of tensor " + tensor.name + " do not follow those before them");
    next = tensor.last;
  }
  if (next != data_bytes) {
    throw DataError(file + ": " + std::to_string(data_bytes) + " bytes of numbers, expected " + std::to_string(next) + " as its header says");
  }
  return header;
}

}  // namespace netrt
