// The runtime's sources, carried inside netc so that an emitted folder is complete.
#pragma once

#include <string_view>
#include <vector>

namespace netc {

struct EmbeddedFile {
  std::string_view path;  ///< relative to runtime/: "cpu/conv.cpp"
  std::string_view text;
};

/// Every file of runtime/, by path. Defined by the build (cmake/embed.cmake).
const std::vector<EmbeddedFile>& embedded_runtime();

}  // namespace netc
