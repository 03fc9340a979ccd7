// The safetensors file format (huggingface.co/docs/safetensors): 8 bytes of header length, a JSON header, the numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace netrt {

/// One entry of the header: float32 numbers at first..last of the bytes after the header.
struct StoredTensor {
  std::string name;
  std::vector<int64_t> shape;
  int64_t first = 0, last = 0;
};

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;            ///< in the order of their bytes, without gaps
  std::map<std::string, std::string> metadata;  ///< "__metadata__"
};

/// The file's start: length and header, padded with blanks so that the numbers begin at a multiple of 8.
std::string write_header(const SafetensorsHeader&);

/// Reads a header (without its length) of a file with `data_bytes` bytes of numbers. Accepts nothing but what the format allows and float32.
/// Throws DataError, its message starting with `file`.
SafetensorsHeader read_header(std::string_view json, int64_t data_bytes, const std::string& file);

}  // namespace netrt
