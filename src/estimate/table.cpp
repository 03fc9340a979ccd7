#include "estimate/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace netc {

namespace {

/// Code points of UTF-8 text, for alignment.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string mib(int64_t bytes) {
  if (bytes == 0) return "-";
  const double value = static_cast<double>(bytes) / (1 << 20);
  if (value < 0.005) return "<0.01";
  return fmt::format("{:.{}f}", value, value < 999.995 ? 2 : value < 9999.95 ? 1 : 0);
}

std::string shortened(const std::string& text, size_t columns) {
  if (width(text) <= columns) return text;
  std::string result;
  size_t seen = 0, left = columns - 2;
  for (char c : text) {
    if ((c & 0xC0) != 0x80) ++seen;
    if (seen <= left) result += c;
  }
  return result + "..";
}

std::string shortened_name(const std::string& name, size_t columns) {
  return name.size() <= columns ? name : ".." + name.substr(name.size() - (columns - 2));  // names are ASCII
}

std::string short_place(const std::string& place) {
  const size_t space = place.rfind(' '), dot = place.rfind('.');
  if (dot == std::string::npos || space == std::string::npos || dot < space) return place;
  return place.substr(0, space + 1) + place.substr(dot + 1);
}

void Table::add(std::string_view cell) {
  cells_ += cell;
  ends_.push_back(cells_.size());
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

std::string_view Table::cell(size_t i) const {
  const size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(cells_).substr(begin, ends_[i] - begin);
}

}  // namespace netc
