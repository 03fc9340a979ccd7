#include "backend/trace.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

namespace netc {

bool write_npy(const std::string& folder, const std::string& name, const Type& type, int64_t batch, const void* data) {
  const std::filesystem::path path = std::filesystem::path(folder) / (name + ".npy");
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  std::string sizes;
  if (type.batched) sizes += fmt::format("{}, ", batch);
  for (int64_t size : type.shape) sizes += fmt::format("{}, ", size);
  const char* dtype = type.dtype == DType::i32 ? "<i4" : type.dtype == DType::f64 ? "<f8" : type.dtype == DType::f32 ? "<f4" : "|u1";
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", dtype, sizes);
  // The format wants magic, version, length and header together to be a multiple of 64, ending in a newline.
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string prefix("\x93NUMPY\x01\x00", 8);
  prefix += static_cast<char>(header.size() & 0xff);
  prefix += static_cast<char>(header.size() >> 8);
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) return false;
  const auto bytes = static_cast<size_t>(type_bytes(type, batch).value());
  bool good = std::fwrite(prefix.data(), 1, prefix.size(), file) == prefix.size();
  good = good && std::fwrite(header.data(), 1, header.size(), file) == header.size();
  good = good && std::fwrite(data, 1, bytes, file) == bytes;
  return std::fclose(file) == 0 && good;
}

}  // namespace netc
