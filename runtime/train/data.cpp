#include "data.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "augment.h"

namespace netrt {

namespace {

class AugmentedDataset : public Dataset {
 public:
  AugmentedDataset(DataSpec spec, Split split, uint64_t seed, std::unique_ptr<Source> source)
      : spec_(std::move(spec)), split_(split), seed_(seed), source_(std::move(source)) {
    const Image shape = source_->shape();
    steps_ = make_augmentation(spec_, shape.h == 0);
    if (source_->gives_ids() != (spec_.vocabulary > 0)) {
      throw DataError(source_->name(0) + (spec_.vocabulary > 0 ? ": the network's input is token ids, which these data are not"
                                                               : ": token ids, the network's input is numbers"));
    }
    if (source_->size() < 1) throw DataError(source_->name(0) + ": the " + split_name() + " split holds no sample");
    if (shape.h > 0) check_shape(augmented_shape(steps_, shape, source_->name(0)), source_->name(0));
    check_target();
  }

  int64_t size() const override { return source_->size(); }

  void sample(int64_t index, uint64_t epoch, void* input, void* target) const override {
    thread_local Image image, scratch;
    if (spec_.vocabulary > 0) {
      write_ids(index, static_cast<int32_t*>(input));
      if (target != nullptr) write_target(index, image, target);
      return;
    }
    source_->load(index, image);
    SampleRandom random(seed_, epoch, index);
    augment(steps_, split_, random, image, scratch, source_->name(index));
    check_shape(image, source_->name(index));
    std::memcpy(input, image.pixels.data(), image.pixels.size() * sizeof(float));
    if (target != nullptr) write_target(index, image, target);
  }

 private:
  std::string split_name() const { return split_ == Split::train ? "training" : "test"; }

  void write_ids(int64_t index, int32_t* to) const {
    thread_local std::vector<int64_t> ids;
    ids.resize(static_cast<size_t>(spec_.c));
    source_->ids(index, ids.data());
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || ids[i] >= spec_.vocabulary) {
        throw DataError(source_->name(index) + ": id " + std::to_string(ids[i]) + " at position " + std::to_string(i) +
                        ", the network's input knows the ids 0 to " + std::to_string(spec_.vocabulary - 1));
      }
      to[i] = static_cast<int32_t>(ids[i]);
    }
  }

  void check_shape(const Image& image, const std::string& name) const {
    if (image.h == spec_.h && image.w == spec_.w && image.c == spec_.c) return;
    throw DataError(name + ": image is " + shape_text(image.h, image.w, image.c) + (steps_.empty() ? "" : " after augmentation") +
                    ", the network's input is " + shape_text(spec_.h, spec_.w, spec_.c));
  }

  /// Finds out before training whether the data can be this network's target.
  void check_target() const {
    const std::string file = source_->name(0);
    const bool wants_class = spec_.target == TargetKind::class_index || spec_.target == TargetKind::one_hot;
    if (spec_.target == TargetKind::input && spec_.target_values != spec_.h * spec_.w * spec_.c) {
      throw DataError("the target is the input, " + std::to_string(spec_.h * spec_.w * spec_.c) + " values, but the loss compares " +
                      std::to_string(spec_.target_values));
    }
    if (class_rows(spec_) > 1) return check_row_classes(file);
    if (wants_class) {
      if (source_->classes() == 0) throw DataError(file + ": the targets are not class indices, which this loss needs");
      if (source_->classes() > spec_.classes) {
        throw DataError(file + ": the data have " + std::to_string(source_->classes()) + " classes, the network has scores for " +
                        std::to_string(spec_.classes));
      }
    }
    if (spec_.target == TargetKind::values && source_->value_count() != spec_.target_values &&
        !(spec_.target_values == 1 && source_->classes() > 0)) {
      throw DataError(file + ": a sample's target has " + std::to_string(source_->value_count()) + " values, the network's output has " +
                      std::to_string(spec_.target_values));
    }
  }

  void check_row_classes(const std::string& file) const {
    if (source_->value_count() == class_rows(spec_) && source_->values_are_labels()) return;
    throw DataError(file + ": the network scores " + std::to_string(class_rows(spec_)) +
                    " positions a sample and needs as many class indices; the data have " +
                    std::to_string(source_->values_are_labels() ? source_->value_count() : 0));
  }

  void write_target(int64_t index, const Image& image, void* target) const {
    float* values = static_cast<float*>(target);
    if (spec_.target == TargetKind::input) {
      std::memcpy(values, image.pixels.data(), image.pixels.size() * sizeof(float));
    } else if (spec_.target == TargetKind::values) {
      if (source_->value_count() == spec_.target_values) {
        source_->values(index, values);
      } else {
        values[0] = static_cast<float>(source_->label(index));
      }
    } else {
      write_classes(index, target);
    }
  }

  void write_classes(int64_t index, void* target) const {
    thread_local std::vector<float> rows;
    rows.resize(static_cast<size_t>(class_rows(spec_)));
    if (rows.size() == 1) {
      rows[0] = static_cast<float>(source_->label(index));
    } else {
      source_->values(index, rows.data());
    }
    if (spec_.target == TargetKind::one_hot) std::memset(target, 0, static_cast<size_t>(target_bytes(spec_)));
    for (size_t row = 0; row < rows.size(); ++row) {
      const float value = rows[row];
      if (!(value >= 0) || !(value < static_cast<float>(spec_.classes))) {
        throw DataError(source_->name(index) + ": label " + std::to_string(static_cast<double>(value)) + " is not in 0.." +
                        std::to_string(spec_.classes - 1));
      }
      const int32_t label = static_cast<int32_t>(value);
      if (spec_.target == TargetKind::one_hot) {
        static_cast<float*>(target)[row * static_cast<size_t>(spec_.classes) + static_cast<size_t>(label)] = 1;
      } else {
        static_cast<int32_t*>(target)[row] = label;
      }
    }
  }

  DataSpec spec_;
  Split split_;
  uint64_t seed_;
  std::unique_ptr<Source> source_;
  std::vector<AugmentStep> steps_;
};

}  // namespace

std::unique_ptr<Dataset> open_dataset(const DataSpec& spec, const std::string& path, Split split, uint64_t seed) {
  const std::string reader = spec.reader;
  if (reader == "arithmetic" && path.empty()) return open_arithmetic(spec, split, seed);
  if (reader == "tokens" || reader == "bytes" || reader == "arithmetic") return open_tokens(spec, path, split, seed);
  const std::string dir = path.empty() ? spec.path : path;
  std::unique_ptr<Source> source;
  if (reader == "idx") {
    source = open_idx(dir, split);
  } else if (reader == "cifar10") {
    source = open_cifar10(dir, split);
  } else if (reader == "npy") {
    source = open_npy(dir, split, spec);
  } else if (reader == "folder") {
    source = open_folder(dir, split, spec);
  } else if (reader == "shapes") {
    if (!path.empty()) throw DataError("--data " + path + ": this network draws its pictures (shapes); name a reader: input 28x28x1 from idx \"" + path + "\"");
    source = open_shapes(spec, split, seed);
  } else {
    throw DataError("no reader is called \"" + reader + "\"; known are idx, cifar10, npy, folder, shapes, tokens, bytes and arithmetic");
  }
  return std::make_unique<AugmentedDataset>(spec, split, seed, std::move(source));
}

int64_t class_rows(const DataSpec& spec) {
  if (spec.target == TargetKind::class_index) return spec.target_rows;
  return spec.target == TargetKind::one_hot ? spec.target_values / spec.classes : 0;
}

int64_t target_bytes(const DataSpec& spec) {
  const int64_t numbers = spec.target == TargetKind::class_index ? spec.target_rows : spec.target_values;
  return numbers * static_cast<int64_t>(sizeof(float));
}

int64_t product(const std::vector<int64_t>& factors) {
  int64_t result = 1;
  for (const int64_t factor : factors) {
    if (factor < 0 || __builtin_mul_overflow(result, factor, &result)) return -1;
  }
  return result;
}

std::string shape_text(int64_t h, int64_t w, int64_t c) {
  return std::to_string(h) + "x" + std::to_string(w) + "x" + std::to_string(c);
}

void bytes_to_floats(const uint8_t* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0f;
}

}  // namespace netrt
