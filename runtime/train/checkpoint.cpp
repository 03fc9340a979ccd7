#include "checkpoint.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "data.h"
#include "init.h"
#include "safetensors.h"

namespace netrt {

namespace {

constexpr int64_t kChunk = int64_t{1} << 20, kMostHeader = 100'000'000;  // the format's own limit for the header

std::string stored_name(const Tensor& tensor) { return (tensor.cls == Tensor::optimizer ? "optimizer/" : "") + std::string(tensor.name); }

int64_t tensor_bytes(const Tensor& tensor) { return element_count(tensor) * static_cast<int64_t>(sizeof(float)); }

/// Doubles as hexadecimal text: exact.
std::string exact_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}

template <class T>
T metadata_number(const SafetensorsHeader& header, const std::string& key, const std::string& file) {
  const auto found = header.metadata.find(key);
  if (found == header.metadata.end()) throw DataError(file + ": its metadata lack \"" + key + "\"");
  T value{};
  const char *begin = found->second.data(), *end = begin + found->second.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end) throw DataError(file + ": \"" + key + "\" is " + found->second + ", expected a whole number");
  return value;
}

TrainingState state_of(const SafetensorsHeader& header, const std::string& file) {
  TrainingState state;
  state.step = metadata_number<int64_t>(header, "netc.step", file);
  state.seed = metadata_number<uint64_t>(header, "netc.seed", file);
  state.evaluations = metadata_number<int64_t>(header, "netc.evaluations", file);
  state.worse = metadata_number<int64_t>(header, "netc.worse", file);
  const auto best = header.metadata.find("netc.best");
  if (best == header.metadata.end()) throw DataError(file + ": its metadata lack \"netc.best\"");
  char* end = nullptr;
  state.best = std::strtod(best->second.c_str(), &end);
  if (best->second.empty() || *end != '\0') throw DataError(file + ": \"netc.best\" is " + best->second + ", expected a number");
  if (state.step < 0 || state.evaluations < 0 || state.worse < 0) throw DataError(file + ": its metadata hold a negative count");
  return state;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t side : shape) text += (text.size() > 1 ? "," : "") + std::to_string(side);
  return text + "]";
}

/// Where each of the program's tensors lies in the file, -1 for optimiser state that the file does not have.
std::vector<int64_t> match(const ProgramSpec& spec, const SafetensorsHeader& header, const std::string& file) {
  std::map<std::string, const StoredTensor*> stored;
  bool has_optimizer = false;
  for (const StoredTensor& tensor : header.tensors) {
    stored[tensor.name] = &tensor;
    has_optimizer = has_optimizer || tensor.name.starts_with("optimizer/");
  }
  has_optimizer = has_optimizer || header.metadata.contains("netc.step");
  std::vector<int64_t> places;
  for (const Tensor& tensor : spec.tensors) {
    const std::string name = stored_name(tensor);
    const auto found = stored.find(name);
    if (found == stored.end()) {
      if (tensor.cls != Tensor::optimizer || has_optimizer)
        throw DataError(file + ": has no tensor " + name + " of shape " + shape_text(tensor.shape));
      places.push_back(-1);
      continue;
    }
    if (found->second->shape != tensor.shape) {
      throw DataError(file + ": tensor " + name + " has shape " + shape_text(found->second->shape) + ", the network's has " +
                      shape_text(tensor.shape));
    }
    places.push_back(found->second->first);
    stored.erase(found);
  }
  if (!stored.empty()) throw DataError(file + ": holds a tensor " + stored.begin()->first + " that the network does not have");
  return places;
}

void write_tensors(Context& ctx, const char* arena, const ProgramSpec& spec, std::ofstream& out) {
  std::vector<char> chunk(static_cast<size_t>(kChunk));
  for (const Tensor& tensor : spec.tensors) {
    for (int64_t first = 0, bytes = tensor_bytes(tensor); first < bytes; first += kChunk) {
      const int64_t count = std::min(kChunk, bytes - first);
      download(ctx, chunk.data(), arena + tensor.offset + first, static_cast<size_t>(count));
      out.write(chunk.data(), count);
    }
  }
}

std::string read_bytes(std::ifstream& in, int64_t count, const std::string& file) {
  std::string bytes(static_cast<size_t>(count), '\0');
  in.read(bytes.data(), count);
  if (in.gcount() != count) throw DataError(file + ": truncated: it ended while reading " + std::to_string(count) + " bytes");
  return bytes;
}

struct OpenCheckpoint {
  std::ifstream in;
  SafetensorsHeader header;
  int64_t data_at = 0;
};

OpenCheckpoint open_checkpoint(const std::string& file) {
  OpenCheckpoint checkpoint{std::ifstream(file, std::ios::binary | std::ios::ate), {}, 0};
  const int64_t size = checkpoint.in ? static_cast<int64_t>(checkpoint.in.tellg()) : -1;
  std::error_code ignored;
  if (size < 0 || !std::filesystem::is_regular_file(file, ignored)) throw DataError(file + ": cannot be opened as a checkpoint");
  checkpoint.in.seekg(0);
  const std::string length_bytes = read_bytes(checkpoint.in, 8, file);
  uint64_t length = 0;
  for (size_t i = 8; i-- > 0;) length = length << 8 | static_cast<uint8_t>(length_bytes[i]);
  if (length > static_cast<uint64_t>(kMostHeader) || static_cast<int64_t>(length) > size - 8) {
    throw DataError(file + ": not a safetensors file: a header of " + std::to_string(length) + " bytes in a file of " + std::to_string(size));
  }
  checkpoint.data_at = 8 + static_cast<int64_t>(length);
  checkpoint.header = read_header(read_bytes(checkpoint.in, static_cast<int64_t>(length), file), size - checkpoint.data_at, file);
  return checkpoint;
}

}  // namespace

void save_checkpoint(Context& ctx, const char* arena, const ProgramSpec& spec, const TrainingState& state, const std::string& file) {
  SafetensorsHeader header;
  int64_t next = 0;
  for (const Tensor& tensor : spec.tensors) {
    header.tensors.push_back({stored_name(tensor), tensor.shape, next, next + tensor_bytes(tensor)});
    next += tensor_bytes(tensor);
  }
  header.metadata = {{"netc.network", spec.network},
                     {"netc.step", std::to_string(state.step)},
                     {"netc.seed", std::to_string(state.seed)},
                     {"netc.evaluations", std::to_string(state.evaluations)},
                     {"netc.worse", std::to_string(state.worse)},
                     {"netc.best", exact_text(state.best)}};
  const std::string temporary = file + ".tmp", start = write_header(header);
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  if (!out) throw DataError(temporary + ": cannot be written: " + std::strerror(errno));
  out.write(start.data(), static_cast<std::streamsize>(start.size()));
  write_tensors(ctx, arena, spec, out);
  out.close();
  std::error_code error;
  if (!out) {
    const std::string why = std::strerror(errno);
    std::filesystem::remove(temporary, error);
    throw DataError(temporary + ": cannot be written: " + why);
  }
  std::filesystem::rename(temporary, file, error);
  if (error) throw DataError(file + ": cannot be written: " + error.message());
}

std::optional<TrainingState> checkpoint_state(const std::string& file) {
  const OpenCheckpoint checkpoint = open_checkpoint(file);
  if (!checkpoint.header.metadata.contains("netc.step")) return std::nullopt;
  return state_of(checkpoint.header, file);
}

void load_checkpoint(Context& ctx, char* arena, const ProgramSpec& spec, const std::string& file) {
  OpenCheckpoint checkpoint = open_checkpoint(file);
  const std::vector<int64_t> places = match(spec, checkpoint.header, file);
  for (size_t i = 0; i < spec.tensors.size(); ++i) {
    if (places[i] < 0) continue;
    checkpoint.in.seekg(checkpoint.data_at + places[i]);
    for (int64_t first = 0, bytes = tensor_bytes(spec.tensors[i]); first < bytes; first += kChunk) {
      const std::string chunk = read_bytes(checkpoint.in, std::min(kChunk, bytes - first), file);
      upload(ctx, arena + spec.tensors[i].offset + first, chunk.data(), chunk.size());
    }
  }
}

}  // namespace netrt
