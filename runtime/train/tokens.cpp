// `from tokens` and `from bytes`: files of token ids, all together one stream, of which a sample is T tokens and the token that follows
// each. Windows are read from the files as they are asked for, so a stream may be larger than memory.
#include "tokens.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "random.h"

namespace netrt {

namespace {

namespace fs = std::filesystem;

/// A file of token ids, each of `width` bytes, little-endian.
class TokenFile {
 public:
  TokenFile(const std::string& file, int64_t width) : name(file), width_(width), fd_(open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw DataError(file + ": cannot be opened: " + std::strerror(errno));
    struct stat status {};
    fstat(fd_, &status);
    int64_t bytes = status.st_size;
    if (width > 1) skip_header(bytes);
    bytes -= first_;
    if (bytes % width != 0) {
      throw DataError(file + ": " + std::to_string(bytes) + " bytes, an odd number; expected little-endian uint16 ids, two bytes each");
    }
    tokens = bytes / width;
  }
  ~TokenFile() { close(fd_); }
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  /// Writes ids first..first+count-1, which must be below `vocabulary`.
  void read(int64_t first, int64_t count, int64_t vocabulary, int32_t* to) const {
    thread_local std::vector<uint8_t> bytes;
    bytes.resize(static_cast<size_t>(count * width_));
    for (size_t have = 0; have < bytes.size();) {
      const ssize_t got = pread(fd_, bytes.data() + have, bytes.size() - have, first_ + first * width_ + static_cast<int64_t>(have));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) throw DataError(name + ": cannot be read at token " + std::to_string(first) + ": " + (got < 0 ? std::strerror(errno) : "it ends"));
      have += static_cast<size_t>(got);
    }
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* at = bytes.data() + i * width_;
      to[i] = width_ == 1 ? at[0] : at[0] | at[1] << 8;
      if (to[i] < vocabulary) continue;
      throw DataError(name + ": " + (width_ == 1 ? "byte " : "id ") + std::to_string(to[i]) + " at token " + std::to_string(first + i) +
                      ", the network's input knows the ids 0 to " + std::to_string(vocabulary - 1) +
                      (width_ == 1 ? "; 256 tokens take every byte" : ""));
    }
  }

  const std::string name;
  int64_t tokens = 0;

 private:
  /// The files of llm.c and its descendants begin with 256 numbers of four bytes: 20240520, 1, how many ids follow.
  void skip_header(int64_t bytes) {
    constexpr int64_t kHeader = 1024;
    uint8_t head[12] = {};
    if (bytes < kHeader || pread(fd_, head, sizeof head, 0) != sizeof head) return;
    const auto number = [&](int i) {
      return static_cast<uint32_t>(head[i]) | static_cast<uint32_t>(head[i + 1]) << 8 | static_cast<uint32_t>(head[i + 2]) << 16 |
             static_cast<uint32_t>(head[i + 3]) << 24;
    };
    if (number(0) != 20240520 || number(4) != 1) return;
    if (bytes != kHeader + int64_t{2} * number(8)) {
      throw DataError(name + ": its header says " + std::to_string(number(8)) + " ids of two bytes, behind it are " +
                      std::to_string(bytes - kHeader) + " bytes");
    }
    first_ = kHeader;
  }

  int64_t width_, first_ = 0;  ///< bytes of an id; where the first is
  int fd_;
};

bool for_validation(const std::string& file) { return fs::path(file).filename().string().find("val") != std::string::npos; }

class TokenStream : public Dataset {
 public:
  TokenStream(const DataSpec& spec, const std::string& path, Split split, uint64_t seed)
      : length_(spec.c), vocabulary_(spec.vocabulary), split_(split), seed_(seed) {
    const int64_t width = token_form(spec, path) == TokenForm::bytes ? 1 : 2;
    std::vector<std::string> names = token_files(path.empty() ? spec.path : path);
    const auto validation = std::count_if(names.begin(), names.end(), for_validation);
    const bool by_name = validation > 0 && validation < static_cast<int64_t>(names.size());
    if (by_name) std::erase_if(names, [&](const std::string& name) { return for_validation(name) != (split == Split::test); });
    int64_t tokens = 0;
    for (const std::string& name : names) {
      files_.push_back(std::make_unique<TokenFile>(name, width));
      begins_.push_back(tokens);
      tokens += files_.back()->tokens;
    }
    choose(tokens, by_name);
    check_next_token(spec, files_.front()->name);
  }

  int64_t size() const override { return windows_; }

  void sample(int64_t index, uint64_t epoch, void* input, void* target) const override {
    thread_local std::vector<int32_t> window;
    window.resize(static_cast<size_t>(length_ + 1));
    read(begin_ + offset(epoch) + index * length_, window);
    std::copy_n(window.begin(), length_, static_cast<int32_t*>(input));
    if (target != nullptr) std::copy_n(window.begin() + 1, length_, static_cast<int32_t*>(target));
  }

 private:
  /// Which tokens belong to the split, and into how many windows they go.
  void choose(int64_t tokens, bool by_name) {
    const int64_t tenth = by_name ? 0 : tokens / 10;
    if (split_ == Split::train) {
      count_ = tokens - tenth;
    } else {
      begin_ = by_name ? 0 : tokens - tenth;
      count_ = by_name ? tokens : tenth;
    }
    if (count_ <= length_) {
      throw DataError(files_.front()->name + (files_.size() > 1 ? " and " + std::to_string(files_.size() - 1) + " more" : "") + ": " +
                      std::to_string(count_) + (split_ == Split::train ? " tokens to train on" : " tokens to test on") +
                      (by_name ? "" : split_ == Split::train ? " (the last tenth is for testing)" : " (the last tenth)") + "; a sequence of " +
                      std::to_string(length_) + " and the token that follows it need " + std::to_string(length_ + 1));
    }
    // In training every epoch begins up to one window later, and there is always room for the last one.
    windows_ = split_ == Split::train ? std::max<int64_t>(1, count_ / length_ - 1) : (count_ - 1) / length_;
  }

  int64_t offset(uint64_t epoch) const {
    if (split_ == Split::test) return 0;
    const auto choices = static_cast<uint64_t>(std::min(length_, count_ - length_));
    const Random4 random = philox(seed_, stream_of("tokens.offset"), epoch);
    const uint64_t bits = static_cast<uint64_t>(random.v[0]) << 32 | random.v[1];
    return static_cast<int64_t>((static_cast<unsigned __int128>(bits) * choices) >> 64);
  }

  void read(int64_t position, std::vector<int32_t>& to) const {
    size_t file = static_cast<size_t>(std::upper_bound(begins_.begin(), begins_.end(), position) - begins_.begin()) - 1;
    for (int64_t done = 0; done < static_cast<int64_t>(to.size()); ++file) {
      const int64_t first = position + done - begins_[file], count = std::min(static_cast<int64_t>(to.size()) - done, files_[file]->tokens - first);
      if (count > 0) files_[file]->read(first, count, vocabulary_, to.data() + done);
      done += count;
    }
  }

  int64_t length_, vocabulary_;
  Split split_;
  uint64_t seed_;
  std::vector<std::unique_ptr<TokenFile>> files_;
  std::vector<int64_t> begins_;  ///< where each file's tokens begin in the stream
  int64_t begin_ = 0, count_ = 0, windows_ = 0;
};

}  // namespace

std::vector<std::string> token_files(const std::string& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return {path};
  const bool folder = fs::is_directory(path, ignored);
  const fs::path where = folder ? fs::path(path) : fs::path(path).parent_path();
  const std::string pattern = folder ? "*" : fs::path(path).filename().string();
  std::vector<std::string> names, ids;
  for (const fs::directory_entry& entry : fs::directory_iterator(where.empty() ? fs::path(".") : where, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file(ignored) || fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
    names.push_back((where / name).string());
    if (name.ends_with(".bin")) ids.push_back(names.back());
  }
  if (folder && !ids.empty()) names = std::move(ids);
  if (names.empty()) throw DataError("no file is called \"" + path + "\"; --data FILE says where the data are");
  std::sort(names.begin(), names.end());
  return names;
}

TokenForm token_form(const DataSpec& spec, const std::string& path) {
  const std::string reader = spec.reader;
  if (path.empty()) return reader == "bytes" ? TokenForm::bytes : reader == "arithmetic" ? TokenForm::arithmetic : TokenForm::ids;
  if (reader == "npy") return TokenForm::ids;
  const std::vector<std::string> files = token_files(path);
  const auto is_ids = [](const std::string& file) { return file.ends_with(".bin"); };
  const auto other = std::find_if(files.begin(), files.end(), [&](const std::string& file) { return is_ids(file) != is_ids(files.front()); });
  if (other != files.end()) throw DataError("\"" + path + "\" means " + files.front() + " and " + *other + ": a .bin file holds ids, any other is text");
  return is_ids(files.front()) ? TokenForm::ids : TokenForm::bytes;
}

std::unique_ptr<Dataset> open_tokens(const DataSpec& spec, const std::string& path, Split split, uint64_t seed) {
  return std::make_unique<TokenStream>(spec, path, split, seed);
}

bool next_token_targets(const DataSpec& spec) {
  return spec.vocabulary > 0 && spec.target == TargetKind::class_index && spec.target_rows == spec.c;
}

void check_next_token(const DataSpec& spec, const std::string& name) {
  if (!next_token_targets(spec)) {
    throw DataError(name + ": each of the " + std::to_string(spec.c) +
                    " positions is given its next token, for which the network needs `loss softmax` of a row of scores for each");
  }
  if (spec.classes < spec.vocabulary) {
    throw DataError(name + ": the network scores " + std::to_string(spec.classes) + " different tokens, its input knows " +
                    std::to_string(spec.vocabulary));
  }
}

double unigram_entropy(const Dataset& data, const DataSpec& spec) {
  constexpr int64_t kMost = int64_t{1} << 26;
  std::vector<int64_t> counts(static_cast<size_t>(spec.vocabulary));
  std::vector<int32_t> ids(static_cast<size_t>(spec.c));
  const int64_t samples = std::min(data.size(), std::max<int64_t>(1, kMost / spec.c));
  for (int64_t i = 0; i < samples; ++i) {
    data.sample(i, 0, ids.data(), nullptr);
    for (const int32_t id : ids) ++counts[static_cast<size_t>(id)];
  }
  double entropy = 0;
  for (const int64_t count : counts) {
    const double p = static_cast<double>(count) / static_cast<double>(samples * spec.c);
    if (count > 0) entropy -= p * std::log(p);
  }
  return entropy;
}

}  // namespace netrt
