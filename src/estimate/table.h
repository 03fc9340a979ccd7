// Tables for people: aligned columns, and texts that fit into them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace netc {

/// MiB with two decimals, fewer for large numbers, so that the column stays narrow.
std::string mib(int64_t bytes);
/// At most `columns` code points; the middle of longer text is left out.
std::string shortened(const std::string& text, size_t columns);
/// The end of a layer's name, which says more than its beginning: "..on1.cbr1.conv1" of "inception1.cbr1.conv1".
std::string shortened_name(const std::string& name, size_t columns);
/// "inside inception1.cbr1.bn1" without the blocks around the layer.
std::string short_place(const std::string& place);

/// Cells row by row, in one text: a large network has millions.
class Table {
 public:
  explicit Table(size_t columns) : columns_(columns) {}

  void add(std::string_view cell);
  /// Left-aligned columns are those before `right_from`, other than the first (the line number).
  std::string text(size_t right_from) const;

 private:
  std::string_view cell(size_t i) const;

  size_t columns_;
  std::string cells_;
  std::vector<size_t> ends_;  ///< of each cell, in cells_
};

}  // namespace netc
