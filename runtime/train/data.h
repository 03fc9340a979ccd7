// Data sets: readers give samples as their files have them (Source); Dataset augments them and makes the target the loss wants.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "program.h"

namespace netrt {

/// What is wrong with a data set or a checkpoint: names the file, what was found and what was expected.
class DataError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Split { train, test };

/// One picture, channels last, values in [0, 1] as a reader gives them.
struct Image {
  int64_t h = 0, w = 0, c = 0;
  std::vector<float> pixels;
};

/// One split of a data set as its files have it. Every function is safe to call from several threads.
class Source {
 public:
  virtual ~Source() = default;
  virtual int64_t size() const = 0;
  /// Class indices are below this; 0 where the data have no classes.
  virtual int64_t classes() const = 0;
  /// Numbers that `values` writes a sample; 0 where the data have classes only.
  virtual int64_t value_count() const { return 0; }
  /// True if those numbers are whole numbers, fit to be class indices.
  virtual bool values_are_labels() const { return false; }
  /// Shape of every sample; all 0 where it differs from sample to sample.
  virtual Image shape() const { return {}; }
  /// What to call a sample in a message: its file, with its number where a file holds many.
  virtual std::string name(int64_t index) const = 0;
  virtual void load(int64_t index, Image& image) const = 0;
  virtual int32_t label(int64_t index) const = 0;
  virtual void values(int64_t, float*) const {}
  /// True if samples are token ids, which `ids` writes instead of `load`.
  virtual bool gives_ids() const { return false; }
  virtual void ids(int64_t, int64_t*) const {}
};

/// One split, ready for the network: inputs of h x w x c floats, or as many int32 token ids, and targets as DataSpec::target says.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  /// Writes sample `index` as epoch `epoch` sees it: the input and, unless null, the target. Throws DataError. Thread-safe.
  virtual void sample(int64_t index, uint64_t epoch, void* input, void* target) const = 0;
};

/// Opens one split. `path` replaces the spec's unless empty. Throws DataError if the data cannot serve this network.
std::unique_ptr<Dataset> open_dataset(const DataSpec&, const std::string& path, Split, uint64_t seed);

/// Class indices a sample's target names: one for a classifier, one a position for a segmentation; 0 where the target is not classes.
int64_t class_rows(const DataSpec&);

/// Bytes of one sample's target: int32 a row for class indices, else floats.
int64_t target_bytes(const DataSpec&);

// ---- Readers: one file each ------------------------------------------------------------------------
std::unique_ptr<Source> open_idx(const std::string& dir, Split);
std::unique_ptr<Source> open_cifar10(const std::string& dir, Split);
std::unique_ptr<Source> open_npy(const std::string& dir, Split, const DataSpec&);
std::unique_ptr<Source> open_folder(const std::string& dir, Split, const DataSpec&);
std::unique_ptr<Source> open_shapes(const DataSpec&, Split, uint64_t seed);
std::unique_ptr<Dataset> open_tokens(const DataSpec&, const std::string& path, Split, uint64_t seed);
std::unique_ptr<Dataset> open_arithmetic(const DataSpec&, Split, uint64_t seed);

// ---- What readers share ----------------------------------------------------------------------------
/// The whole file, which must hold exactly `bytes` (inflated, if it is a .gz); `what` says in a message what those bytes should be.
std::vector<uint8_t> read_exactly(const std::string& file, int64_t bytes, const std::string& what);
/// The first `bytes` of a file, inflated if it is a .gz.
std::vector<uint8_t> read_start(const std::string& file, int64_t bytes, const std::string& what);
/// a * b * ..., or -1 where a factor is negative or the product does not fit.
int64_t product(const std::vector<int64_t>& factors);
/// "28x28x1"
std::string shape_text(int64_t h, int64_t w, int64_t c);
/// A byte picture to floats: v / 255.
void bytes_to_floats(const uint8_t* from, int64_t count, float* to);
/// The random stream that belongs to a purpose or a tensor (64-bit FNV-1a of its name).
constexpr uint64_t stream_of(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ull;
  return hash;
}

}  // namespace netrt
