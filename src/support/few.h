// A vector that holds few elements inside itself: shapes and operands, of which a network has millions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <utility>

namespace netc {

/// Up to N elements need no allocation. The elements are plain data.
template <class T, uint32_t N>
class Few {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  Few() {}  // NOLINT: the elements stay as they are
  Few(std::initializer_list<T> list) : Few(list.begin(), list.end()) {}
  template <class Iterator>
  Few(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(*first);
  }
  explicit Few(size_t count, T value = {}) {
    for (size_t i = 0; i < count; ++i) push_back(value);
  }
  Few(const Few& other) : Few(other.begin(), other.end()) {}
  Few(Few&& other) noexcept { take(other); }
  Few& operator=(const Few& other) {
    if (this != &other) *this = Few(other);
    return *this;
  }
  Few& operator=(Few&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  ~Few() { release(); }

  T* data() { return capacity_ == N ? inside_ : outside_; }
  const T* data() const { return capacity_ == N ? inside_ : outside_; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T& back() { return data()[size_ - 1]; }
  const T& back() const { return data()[size_ - 1]; }

  void push_back(T value) {
    if (size_ == capacity_) grow();
    data()[size_++] = value;
  }
  void pop_back() { --size_; }

  friend bool operator==(const Few& a, const Few& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  void grow() {
    T* more = new T[size_t{2} * capacity_];
    std::copy(begin(), end(), more);
    release();
    outside_ = more;
    capacity_ *= 2;
  }
  void release() {
    if (capacity_ != N) delete[] outside_;
  }
  /// Takes over what `other` holds and leaves it empty.
  void take(Few& other) {
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, N);
    if (capacity_ == N)
      std::copy(other.inside_, other.inside_ + size_, inside_);
    else
      outside_ = other.outside_;
  }

  uint32_t size_ = 0, capacity_ = N;
  union {
    T inside_[N];
    T* outside_;
  };
};

}  // namespace netc
