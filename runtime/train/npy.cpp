// NumPy arrays (numpy.org/doc/stable/reference/generated/numpy.lib.format.html), versions 1 to 3:
// x_train.npy, y_train.npy, x_test.npy, y_test.npy.
#include <cmath>
#include <cstring>
#include <filesystem>

#include "data.h"

namespace netrt {

namespace {

/// An array in memory: little-endian, row by row. `type` is NumPy's: "u1", "u2", "f4", "i4", "i8".
struct Array {
  std::string file, type;
  std::vector<int64_t> shape;
  int64_t first = 0;  ///< where in `bytes` the numbers begin
  int64_t width = 0;  ///< bytes of one number
  std::vector<uint8_t> bytes;

  double number(int64_t i) const {
    const uint8_t* p = bytes.data() + first + i * width;
    if (type == "u1") return *p;
    if (type == "u2") return read<uint16_t>(p);
    if (type == "f4") return read<float>(p);
    return type == "i4" ? static_cast<double>(read<int32_t>(p)) : static_cast<double>(read<int64_t>(p));
  }

  template <class T>
  static T read(const uint8_t* p) {
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
};

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

/// What follows 'key': in the header, without blanks before it.
std::string_view value_of(std::string_view header, const std::string& key, const std::string& file) {
  const size_t at = header.find("'" + key + "':");
  if (at == std::string_view::npos) throw DataError(file + ": the npy header names no '" + key + "'");
  std::string_view rest = header.substr(at + key.size() + 3);
  const size_t start = rest.find_first_not_of(' ');
  return start == std::string_view::npos ? std::string_view() : rest.substr(start);
}

void parse_type(std::string_view header, Array& array) {
  std::string_view text = value_of(header, "descr", array.file);
  const size_t end = text.size() > 1 && text[0] == '\'' ? text.find('\'', 1) : std::string_view::npos;
  const std::string_view descr = end == std::string_view::npos ? text.substr(0, 16) : text.substr(1, end - 1);
  const char order = descr.empty() ? '?' : descr[0];
  const std::string_view type = descr.empty() ? descr : descr.substr(1);
  const bool known = type == "u1" || type == "u2" || type == "f4" || type == "i4" || type == "i8";
  if (!known || (order != '<' && !(type == "u1" && order == '|'))) {
    throw DataError(array.file + ": data type " + std::string(descr) + ", expected |u1, <u2, <f4, <i4 or <i8 (uint8, uint16, float32, int32, int64)");
  }
  array.type = type;
  array.width = type[1] - '0';
}

void parse_shape(std::string_view header, Array& array) {
  std::string_view text = value_of(header, "shape", array.file);
  const size_t end = text.find(')');
  if (text.empty() || text[0] != '(' || end == std::string_view::npos) throw DataError(array.file + ": the npy header's shape is not a tuple");
  int64_t number = -1;
  for (const char c : text.substr(1, end - 1)) {
    if (c >= '0' && c <= '9') {
      number = number < 0 ? 0 : number;
      if (number > (int64_t{1} << 50)) throw DataError(array.file + ": the npy header's shape is too large");
      number = number * 10 + (c - '0');
    } else if (c == ',' && number >= 0) {
      array.shape.push_back(number);
      number = -1;
    } else if (c != ' ') {
      throw DataError(array.file + ": the npy header's shape is not a tuple of whole numbers");
    }
  }
  if (number >= 0) array.shape.push_back(number);
  if (array.shape.size() > 8) throw DataError(array.file + ": an array of " + std::to_string(array.shape.size()) + " dimensions, expected at most 8");
}

Array read_npy(const std::string& dir, const std::string& name) {
  Array array;
  array.file = (std::filesystem::path(dir) / name).string();
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(array.file, ignored)) {
    throw DataError("cannot find " + name + " in \"" + dir + "\"; --data DIR says where the data are");
  }
  const std::vector<uint8_t> start = read_start(array.file, 12, "the start of an npy header");
  if (std::memcmp(start.data(), "\x93NUMPY", 6) != 0) throw DataError(array.file + ": not an npy file: it does not start with \\x93NUMPY");
  const int version = start[6];
  if (version < 1 || version > 3) throw DataError(array.file + ": npy version " + std::to_string(version) + ", expected 1, 2 or 3");
  int64_t length = start[8] | start[9] << 8;
  if (version > 1) length |= static_cast<int64_t>(start[10]) << 16 | static_cast<int64_t>(start[11]) << 24;
  const int64_t before = version > 1 ? 12 : 10;
  if (length > (1 << 20)) throw DataError(array.file + ": an npy header of " + std::to_string(length) + " bytes, expected at most 1048576");
  array.first = before + length;
  const std::vector<uint8_t> head = read_start(array.file, array.first, "the npy header");
  const std::string_view header(reinterpret_cast<const char*>(head.data()) + before, static_cast<size_t>(length));
  parse_type(header, array);
  parse_shape(header, array);
  if (value_of(header, "fortran_order", array.file).substr(0, 5) != "False") {
    throw DataError(array.file + ": in Fortran order, expected C order (numpy.ascontiguousarray makes it)");
  }
  std::vector<int64_t> factors = array.shape;
  factors.push_back(array.width);
  const int64_t bytes = product(factors);
  if (bytes < 0 || bytes > INT64_MAX - array.first) throw DataError(array.file + ": shape " + shape_text(array.shape) + " is too large");
  array.bytes = read_exactly(array.file, array.first + bytes, "shape " + shape_text(array.shape) + " of " + array.type);
  return array;
}

class NpySource : public Source {
 public:
  NpySource(const std::string& dir, Split split, const DataSpec& spec) {
    const std::string ending = split == Split::train ? "_train.npy" : "_test.npy";
    x_ = read_npy(dir, "x" + ending);
    vocabulary_ = spec.vocabulary;
    if (vocabulary_ > 0)
      set_sequence_shape(spec);
    else
      set_image_shape(spec);
    if (spec.target == TargetKind::input) return;
    y_ = read_npy(dir, "y" + ending);
    if (y_.shape.empty() || y_.shape[0] != count_) {
      throw DataError(y_.file + ": shape " + shape_text(y_.shape) + ", expected " + std::to_string(count_) + " rows as " + x_.file + " has");
    }
    value_count_ = product({y_.shape.begin() + 1, y_.shape.end()});
    if (y_.type != "f4") find_classes();
  }

  int64_t size() const override { return count_; }
  int64_t classes() const override { return value_count_ == 1 ? classes_ : 0; }
  int64_t value_count() const override { return value_count_; }
  bool values_are_labels() const override { return classes_ > 0; }
  Image shape() const override { return {h_, w_, c_, {}}; }
  std::string name(int64_t index) const override { return x_.file + ", row " + std::to_string(index); }
  int32_t label(int64_t index) const override { return static_cast<int32_t>(y_.number(index)); }

  void load(int64_t index, Image& image) const override {
    image.h = h_;
    image.w = w_;
    image.c = c_;
    const int64_t count = h_ * w_ * c_;
    image.pixels.resize(static_cast<size_t>(count));
    const uint8_t* from = x_.bytes.data() + x_.first + index * count * x_.width;
    if (x_.type == "u1") {
      bytes_to_floats(from, count, image.pixels.data());
    } else if (x_.type == "f4") {
      std::memcpy(image.pixels.data(), from, static_cast<size_t>(count) * sizeof(float));
    } else {
      for (int64_t i = 0; i < count; ++i) image.pixels[static_cast<size_t>(i)] = static_cast<float>(x_.number(index * count + i));
    }
  }

  bool gives_ids() const override { return vocabulary_ > 0; }
  void ids(int64_t index, int64_t* to) const override {
    for (int64_t i = 0; i < c_; ++i) to[i] = static_cast<int64_t>(x_.number(index * c_ + i));
  }

  /// uint8 masks and pictures keep their numbers: a target is what the file says.
  void values(int64_t index, float* to) const override {
    for (int64_t i = 0; i < value_count_; ++i) to[i] = static_cast<float>(y_.number(index * value_count_ + i));
  }

 private:
  /// (N, T), whole numbers.
  void set_sequence_shape(const DataSpec& spec) {
    if (x_.shape.size() != 2 || x_.shape[0] < 1 || x_.shape[1] != spec.c) {
      throw DataError(x_.file + ": shape " + shape_text(x_.shape) + ", expected (N, " + std::to_string(spec.c) + "), the ids of N sequences");
    }
    if (x_.type == "f4") throw DataError(x_.file + ": data type <f4, expected whole numbers: the network's input is token ids");
    h_ = w_ = 1;
    c_ = spec.c;
    count_ = x_.shape[0];
  }

  /// (N, H, W, C), (N, H, W) for one channel, (N, T, C) for a sequence, or (N, H*W*C) for the network's own shape.
  void set_image_shape(const DataSpec& spec) {
    const std::vector<int64_t>& shape = x_.shape;
    const bool sequence = shape.size() == 3 && spec.w == 1 && shape[1] == spec.h && shape[2] == spec.c;
    if (sequence || (shape.size() == 2 && shape[1] == spec.h * spec.w * spec.c)) {
      h_ = spec.h;
      w_ = spec.w;
      c_ = spec.c;
    } else if (shape.size() == 3 || shape.size() == 4) {
      h_ = shape[1];
      w_ = shape[2];
      c_ = shape.size() == 4 ? shape[3] : 1;
    }
    if (h_ < 1 || w_ < 1 || c_ < 1 || shape[0] < 1) {
      throw DataError(x_.file + ": shape " + shape_text(shape) + ", expected (N, " + std::to_string(spec.h) + ", " + std::to_string(spec.w) +
                      ", " + std::to_string(spec.c) + ") or (N, " + std::to_string(spec.h * spec.w * spec.c) + ")");
    }
    count_ = shape[0];
  }

  void find_classes() {
    constexpr double kMost = 1 << 24;  // whole numbers below this are exact as floats
    double most = -1;
    for (int64_t i = 0; i < count_ * value_count_; ++i) {
      const double value = y_.number(i);
      if (value < 0 || value >= kMost) {
        if (value_count_ > 1) return;  // whole numbers, but not labels
        throw DataError(y_.file + ": label " + std::to_string(static_cast<int64_t>(value)) + " in row " + std::to_string(i) +
                        " is not in 0..16777215");
      }
      most = std::max(most, value);
    }
    classes_ = static_cast<int64_t>(most) + 1;
  }

  Array x_, y_;
  int64_t count_ = 0, h_ = 0, w_ = 0, c_ = 0, value_count_ = 0, classes_ = 0, vocabulary_ = 0;
};

}  // namespace

std::unique_ptr<Source> open_npy(const std::string& dir, Split split, const DataSpec& spec) {
  return std::make_unique<NpySource>(dir, split, spec);
}

}  // namespace netrt
