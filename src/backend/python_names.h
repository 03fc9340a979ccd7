// Names of a .net in Python: identifiers are made, never copied.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

namespace netc {

/// Makes identifiers that are unique within one scope, no keyword, no attribute of nn.Module and none of `reserved`.
class PythonNames {
 public:
  explicit PythonNames(const std::unordered_set<std::string>* reserved) : reserved_(reserved) {}

  /// The name itself where it will do, else with what Python does not take replaced and a number or underscore behind it.
  std::string make(std::string_view name);

 private:
  const std::unordered_set<std::string>* reserved_;
  std::unordered_set<std::string> taken_;
};

}  // namespace netc
