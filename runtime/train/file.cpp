// Reading files whose size is known beforehand, plain or gzipped. Memory grows with what the file really holds, so a header that
// promises too much costs nothing.
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "data.h"

namespace netrt {

namespace {

struct GzCloser {
  void operator()(gzFile file) const { gzclose(file); }
};
using GzPtr = std::unique_ptr<gzFile_s, GzCloser>;

GzPtr open_file(const std::string& file) {
  GzPtr handle(gzopen(file.c_str(), "rb"));
  if (!handle) throw DataError(file + ": cannot be opened: " + std::strerror(errno));
  gzbuffer(handle.get(), 1 << 17);
  return handle;
}

/// Up to `bytes` bytes; fewer where the file ends.
std::vector<uint8_t> read_some(gzFile handle, const std::string& file, int64_t bytes) {
  constexpr int64_t kChunk = int64_t{1} << 24;
  std::vector<uint8_t> data;
  while (static_cast<int64_t>(data.size()) < bytes) {
    const size_t have = data.size();
    const int64_t want = std::min(kChunk, bytes - static_cast<int64_t>(have));
    data.resize(have + static_cast<size_t>(want));
    const int got = gzread(handle, data.data() + have, static_cast<unsigned>(want));
    if (got < 0) {
      int code = 0;
      const std::string why = gzerror(handle, &code);
      throw DataError(file + ": cannot be read: " + (code == Z_ERRNO ? std::strerror(errno) : why.c_str()));
    }
    data.resize(have + static_cast<size_t>(got));
    if (got == 0) break;
  }
  return data;
}

void check_complete(const std::vector<uint8_t>& data, const std::string& file, int64_t bytes, const std::string& what) {
  if (static_cast<int64_t>(data.size()) == bytes) return;
  throw DataError(file + ": truncated: " + std::to_string(data.size()) + " bytes, expected " + std::to_string(bytes) + " (" + what + ")");
}

}  // namespace

std::vector<uint8_t> read_start(const std::string& file, int64_t bytes, const std::string& what) {
  const GzPtr handle = open_file(file);
  std::vector<uint8_t> data = read_some(handle.get(), file, bytes);
  check_complete(data, file, bytes, what);
  return data;
}

std::vector<uint8_t> read_exactly(const std::string& file, int64_t bytes, const std::string& what) {
  const GzPtr handle = open_file(file);
  std::vector<uint8_t> data = read_some(handle.get(), file, bytes);
  check_complete(data, file, bytes, what);
  if (!read_some(handle.get(), file, 1).empty()) {
    throw DataError(file + ": more than the expected " + std::to_string(bytes) + " bytes (" + what + ")");
  }
  return data;
}

}  // namespace netrt
