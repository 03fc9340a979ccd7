#include "passes/suggest.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace netc {

size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > limit || b.size() > 64) return limit + 1;
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

namespace {
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}
}  // namespace

Suggestion::Suggestion(std::string_view wanted) : wanted_(lower(wanted)), distance_((wanted.size() + 1) / 3) {}

void Suggestion::consider(std::string_view word) {
  const size_t distance = edit_distance(wanted_, lower(word), distance_);
  if (distance > distance_ || (distance == distance_ && found() && best_ <= word)) return;
  distance_ = distance;
  best_ = word;
}

std::string Suggestion::text(const std::string& otherwise) const { return found() ? "did you mean `" + best_ + "`?" : otherwise; }

}  // namespace netc
