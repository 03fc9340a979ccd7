#include "estimate/table.h"

#include <algorithm>

namespace netc {

size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string shortened_name(const std::string& name, size_t columns) {
  return name.size() <= columns ? name : ".." + name.substr(name.size() - (columns - 2));  // names are ASCII
}

std::string Table::text(size_t right_from) const {
  std::vector<size_t> widths(columns_, 0);
  for (size_t i = 0; i < ends_.size(); ++i) widths[i % columns_] = std::max(widths[i % columns_], width(cell(i)));
  std::string text;
  text.reserve(2 * cells_.size());
  for (size_t i = 0; i < ends_.size(); ++i) {
    const size_t column = i % columns_, lacks = widths[column] - width(cell(i));
    const bool right = column == 0 || column >= right_from;
    if (column > 0) text += "  ";
    if (right) text.append(lacks, ' ');
    text += cell(i);
    if (!right) text.append(lacks, ' ');
    if (column + 1 < columns_) continue;
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace netc
