// Compiles network text inside a test.
#pragma once

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "backend/interpret.h"
#include "diag/render.h"
#include "driver/compile.h"

namespace netc {

/// A folder that is removed at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "netc-test-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

/// Compiles a file; fails the test with the rendered diagnostics when it has errors.
inline Compilation compile_file(const std::string& path, Options options = {}) {
  options.file = path;
  Compilation made = compile(options, false, cuda_target(0));
  INFO(render(made.diagnostics, made.sources, false));
  REQUIRE(made.graph.has_value());
  return made;
}

inline Compilation compile_text(const std::string& text, Options options = {}) {
  TemporaryFolder folder;
  return compile_file(folder.write("test.net", text), std::move(options));
}

/// The graph of a file after all passes but `schedule`, which step calls are then made again in.
inline Graph as_written(const std::string& path) {
  Compilation made = resolve_network(parse_network(path), resolve_options({}, false));
  REQUIRE(made.graph.has_value());
  run_passes(made, trains(*made.graph, {}), nullptr);
  return std::move(*made.graph);
}

/// A plan that passed the validator.
inline Plan plan_of(const Graph& graph, const Target& target, int64_t batch) {
  std::string error;
  std::optional<Plan> plan = plan_checked(graph, target, batch, error);
  INFO(error);
  REQUIRE(plan.has_value());
  return *plan;
}

inline std::string example_file(const std::string& name) { return std::string(NETC_SOURCE_DIR) + "/examples/" + name + "/" + name + ".net"; }

}  // namespace netc
