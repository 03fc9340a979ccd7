// "did you mean": the nearest of some known words.
#pragma once

#include <string>
#include <string_view>

namespace netc {

/// Edits (insert, delete, replace, swap two neighbours) from `a` to `b`; at most `limit` + 1 is returned.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit);

/// Keeps the nearest word to `wanted` of those it is shown; of equals the first in the alphabet, so that the order does not matter.
class Suggestion {
 public:
  explicit Suggestion(std::string_view wanted);
  void consider(std::string_view word);
  bool found() const { return !best_.empty(); }
  const std::string& best() const { return best_; }
  /// "did you mean `pad`?", or `otherwise` when nothing is near.
  std::string text(const std::string& otherwise = {}) const;

 private:
  std::string wanted_, best_;
  size_t distance_;
};

}  // namespace netc
