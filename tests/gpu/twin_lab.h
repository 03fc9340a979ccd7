// What the twin program's cases are written with: buffers on the device filled with Philox numbers, and records of what kernels wrote.
// It speaks to a runtime only through device.h and kernels.h, so that the same source runs on the CPU's and on CUDA's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "device.h"
#include "kernels.h"
#include "random.h"

namespace twin {

enum class Type : int32_t { float32, float64, bytes };

/// One output of one call: `name` is "kernel case: output".
struct Record {
  std::string name;
  Type type = Type::float32;
  double tolerance = 0;  ///< of the largest difference, relative to the largest value; 0 for bit-exact
  std::vector<unsigned char> data;
};

/// A region for one case at a time: 256-byte aligned buffers one after the other in a single allocation.
class Lab {
 public:
  explicit Lab(size_t bytes = size_t{192} << 20) : ctx_(netrt::make_context()), size_(bytes) {
    arena_ = static_cast<char*>(netrt::device_allocate(*ctx_, bytes));
  }
  ~Lab() { netrt::device_free(*ctx_, arena_); }
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  netrt::Context& context() { return *ctx_; }
  netrt::RunState& run() { return netrt::run_state(*ctx_); }

  /// Starts a case: forgets all buffers. `text` tells it from the kernel's other cases.
  void begin(const std::string& kernel, const std::string& text) {
    used_ = 0;
    continue_with(kernel, text);
  }

  /// Starts a case that uses the buffers of the one before.
  void continue_with(const std::string& kernel, const std::string& text) {
    name_ = kernel + " " + text;
    kernels_.insert(kernel);
  }

  void* bytes(size_t count) {
    char* at = arena_ + used_;
    used_ += (count + 255) / 256 * 256;
    if (used_ > size_) netrt::fail("twin: case " + name_ + " needs more than the lab's memory");
    return at;
  }
  /// `count` elements of host data.
  template <class T>
  T* upload(const std::vector<T>& from) {
    T* to = static_cast<T*>(bytes(from.size() * sizeof(T)));
    netrt::upload(*ctx_, to, from.data(), from.size() * sizeof(T));
    return to;
  }
  /// Uniform in [low, high), never the same twice in a case.
  float* random(int64_t count, float low = -1, float high = 1) { return upload(numbers(count, low, high)); }
  std::vector<float> numbers(int64_t count, float low, float high) {
    std::vector<float> values(static_cast<size_t>(count));
    ++stream_;
    for (int64_t i = 0; i < count; ++i) {
      const netrt::Random4 block = netrt::philox(7, stream_, static_cast<uint64_t>(i / 4));
      values[static_cast<size_t>(i)] = low + (high - low) * netrt::uniform01(block.v[i % 4]);
    }
    return values;
  }
  std::vector<int32_t> integers(int64_t count, int32_t below) {
    std::vector<int32_t> values;
    for (const float value : numbers(count, 0, 1)) values.push_back(std::min(below - 1, static_cast<int32_t>(value * static_cast<float>(below))));
    return values;
  }
  /// Memory for an output, filled with a value that no kernel may leave behind unnoticed.
  float* output(int64_t count) { return upload(std::vector<float>(static_cast<size_t>(count), -77.0f)); }
  uint8_t* output_bytes(int64_t count) { return upload(std::vector<uint8_t>(static_cast<size_t>(count), 0xA5)); }

  /// The least workspace of a kernel, or a generous one: cases run with both.
  netrt::Workspace workspace(size_t least, bool generous) {
    const size_t count = generous ? std::max(least, size_t{32} << 20) : least;
    return {count == 0 ? nullptr : bytes(count), count};
  }

  void record(const std::string& output, const float* data, int64_t count, double tolerance) {
    add(output, Type::float32, data, static_cast<size_t>(count) * sizeof(float), tolerance);
  }
  void record_doubles(const std::string& output, const double* data, int64_t count, double tolerance) {
    add(output, Type::float64, data, static_cast<size_t>(count) * sizeof(double), tolerance);
  }
  void record_bytes(const std::string& output, const void* data, int64_t count) {
    add(output, Type::bytes, data, static_cast<size_t>(count), 0);
  }
  /// Whether two buffers of this runtime hold the same bits, which tests/cpp holds of the CPU's.
  void record_same(const std::string& what, const void* a, const void* b, size_t count) {
    std::vector<unsigned char> first(count), second(count);
    netrt::download(*ctx_, first.data(), a, count);
    netrt::download(*ctx_, second.data(), b, count);
    records_.push_back({name_ + ": same bits as " + what, Type::bytes, 0, {static_cast<unsigned char>(first == second)}});
  }

  const std::vector<Record>& records() const { return records_; }
  const std::set<std::string>& kernels() const { return kernels_; }

 private:
  void add(const std::string& output, Type type, const void* data, size_t count, double tolerance) {
    Record record{name_ + ": " + output, type, tolerance, std::vector<unsigned char>(count)};
    netrt::download(*ctx_, record.data.data(), data, count);
    records_.push_back(std::move(record));
  }

  netrt::ContextPtr ctx_;
  char* arena_ = nullptr;
  size_t size_ = 0, used_ = 0;
  uint64_t stream_ = 0;
  std::string name_;
  std::vector<Record> records_;
  std::set<std::string> kernels_;
};

/// A desc's fields as text.
template <class Desc>
std::string text_of(Desc desc) {
  std::string text;
  desc.fields([&](const char* name, const auto& value) {
    std::string number;
    if constexpr (std::is_enum_v<std::decay_t<decltype(value)>>) {
      number = std::to_string(static_cast<int>(value));
    } else {
      number = std::to_string(value);
    }
    if (number.find('.') != std::string::npos) number.erase(number.find_last_not_of('0') + 1);
    text += std::string(text.empty() ? "" : " ") + name + "=" + number;
  });
  return text;
}

/// Every kernel of kernels.h, on several shapes each (twin_*.cpp).
void run_products(Lab& lab);
void run_windows(Lab& lab);
void run_norms(Lab& lab);
void run_recurrent(Lab& lab);
void run_sequences(Lab& lab);
void run_elementwise(Lab& lab);
void run_losses_and_updates(Lab& lab);
inline void run_all(Lab& lab) {
  run_products(lab);
  run_windows(lab);
  run_norms(lab);
  run_recurrent(lab);
  run_sequences(lab);
  run_elementwise(lab);
  run_losses_and_updates(lab);
}

}  // namespace twin
