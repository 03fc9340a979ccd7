// Text in columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace netc {

/// Code points of UTF-8 text, for alignment.
size_t width(std::string_view text);

/// The end of a layer's name, which says more than its beginning: "..on1.cbr1.conv1" of "inception1.cbr1.conv1".
std::string shortened_name(const std::string& name, size_t columns);

/// Cells row by row, in one text: a large network has millions.
class Table {
 public:
  explicit Table(size_t columns) : columns_(columns) {}

  void add(std::string_view cell) {
    cells_ += cell;
    ends_.push_back(cells_.size());
  }

  /// Left-aligned columns are those before `right_from`, other than the first (the line number).
  std::string text(size_t right_from) const;

 private:
  std::string_view cell(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(cells_).substr(begin, ends_[i] - begin);
  }

  size_t columns_;
  std::string cells_;
  std::vector<size_t> ends_;  ///< of each cell, in cells_
};

}  // namespace netc
