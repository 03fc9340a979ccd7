#include "driver/packing_csv.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <unordered_map>

#include "support/checked.h"

namespace netc {

namespace {

constexpr std::array<std::string_view, 4> kColumns = {"id", "lower", "upper", "size"};

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(',', begin), line.size());
    fields.push_back(trimmed(line.substr(begin, end - begin)));
    begin = end + 1;
  }
  return fields;
}

struct Header {
  std::array<size_t, kColumns.size()> place{};  ///< of each of kColumns
  size_t fields = 0;
};

std::string read_header(const std::vector<std::string_view>& fields, Header& header) {
  std::array<bool, kColumns.size()> seen{};
  header.fields = fields.size();
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto column = static_cast<size_t>(std::find(kColumns.begin(), kColumns.end(), fields[i]) - kColumns.begin());
    if (column == kColumns.size() && fields[i] != "offset") return fmt::format("no column is called `{}`; the header is id,lower,upper,size", fields[i]);
    if (column == kColumns.size()) continue;
    if (seen[column]) return fmt::format("two columns are called `{}`", fields[i]);
    seen[column] = true;
    header.place[column] = i;
  }
  for (size_t column = 0; column < kColumns.size(); ++column)
    if (!seen[column]) return fmt::format("the column `{}` is missing; the header is id,lower,upper,size", kColumns[column]);
  return {};
}

std::string read_row(const std::vector<std::string_view>& fields, const Header& header, PackingRow& row) {
  if (fields.size() != header.fields) return fmt::format("wants {} fields as in the header, has {}", header.fields, fields.size());
  row.id = fields[header.place[0]];
  if (row.id.empty()) return "the id is empty";
  const std::array<int64_t*, 3> numbers = {&row.lower, &row.upper, &row.size};
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::string_view field = fields[header.place[i + 1]];
    const auto [end, code] = std::from_chars(field.data(), field.data() + field.size(), *numbers[i]);
    if (code == std::errc::result_out_of_range) return fmt::format("{} `{}` does not fit in 64 bits", kColumns[i + 1], field);
    if (code != std::errc() || end != field.data() + field.size()) return fmt::format("{} `{}` is not a whole number", kColumns[i + 1], field);
  }
  if (row.upper <= row.lower) return fmt::format("upper {} is not above lower {}", row.upper, row.lower);
  if (row.size < 0) return fmt::format("size {} is negative", row.size);
  return {};
}

}  // namespace

std::vector<PackingRow> read_packing_csv(std::string_view text, std::string& error) {
  std::vector<PackingRow> rows;
  std::unordered_map<std::string, int> line_of;
  Header header;
  Size sum;
  int line = 0;
  const auto wrong = [&](const std::string& what) {
    error = fmt::format("{}: {}", line, what);
    return std::vector<PackingRow>();
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view content = trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    ++line;
    if (content.empty()) continue;
    if (header.fields == 0) {
      if (const std::string what = read_header(fields_of(content), header); !what.empty()) return wrong(what);
      continue;
    }
    PackingRow row;
    if (const std::string what = read_row(fields_of(content), header, row); !what.empty()) return wrong(what);
    if (const auto [at, fresh] = line_of.emplace(row.id, line); !fresh) return wrong(fmt::format("the id `{}` is already on line {}", row.id, at->second));
    sum = sum + Size(row.size);
    if (!sum.ok()) return wrong("the sum of all sizes does not fit in 63 bits");
    rows.push_back(std::move(row));
  }
  line = std::max(line, 1);
  if (header.fields == 0) return wrong("no header; the header is id,lower,upper,size");
  return rows;
}

std::string packing_csv(const std::vector<PackingRow>& rows) {
  std::string text = "id,lower,upper,size,offset\n";
  for (const PackingRow& row : rows) fmt::format_to(std::back_inserter(text), "{},{},{},{},{}\n", row.id, row.lower, row.upper, row.size, row.offset);
  return text;
}

std::vector<PackingRow> packing_rows(const Schedule& schedule, int persistent) {
  const int positions = static_cast<int>(schedule.calls.size()) + 1;
  std::vector<PackingRow> rows;
  for (size_t i = 0; i < schedule.buffers.size(); ++i) {
    const Buffer& buffer = schedule.buffers[i];
    const bool always = i < static_cast<size_t>(persistent);
    rows.push_back({std::to_string(i), always ? 0 : buffer.first, always ? positions : buffer.last + 1, buffer.bytes, buffer.offset});
  }
  return rows;
}

}  // namespace netc
