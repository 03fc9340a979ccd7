#include "backend/emit.h"

#include <fmt/format.h>

#include "backend/identifiers.h"
#include "backend/runtime_files.h"

namespace netc {

namespace {

std::string readme(const Graph& graph, const Plan& plan, const std::string& name, const ProgramOptions& options) {
  const bool cuda = plan.target == "cuda";
  return fmt::format(
      R"(# {0}

A training program for the network `{1}`, written by netc {2} with

    {3}

It needs nothing of netc. {4}

    cmake -B build && cmake --build build -j
    build/{0}

`build/{0} --help` lists the options: `--epochs`, `--data DIR`, `--save FILE`, `--load FILE`, `--check-memory`, ...

- `{0}.cpp`: the program. Its header has the layer table and the memory map; every kernel call names the line of the `.net` it comes from.
- `plan.json`: the same plan as data.
- `runtime/`: the kernels ({5}) and the trainer.

The program makes one {6} allocation of {7} bytes and trains inside it. The batch size ({8}) and every shape are constants of the
program; for others, run netc again.
)",
      name, comment_text(graph.name), options.version, comment_text(options.command), cuda ? cuda_needs() : cpu_needs(),
      cuda ? "CUDA, cuDNN, cuBLASLt" : "C++, oneDNN", cuda ? "device" : "memory", plan.arena, plan.batch);
}

}  // namespace

std::vector<FolderFile> emit_folder(const Graph& graph, const Plan& plan, const Sources& sources, const ProgramOptions& options,
                                    const std::string& plan_json) {
  const std::string name = program_name(graph);
  std::vector<FolderFile> files = runtime_files(plan, plan.target);
  files.push_back({"CMakeLists.txt", plan.target == "cuda" ? cuda_cmake(name, files) : cpu_cmake(name, files)});
  files.push_back({name + ".cpp", program_text(graph, plan, sources, options)});
  files.push_back({"README.md", readme(graph, plan, name, options)});
  files.push_back({"plan.json", plan_json});
  return files;
}

}  // namespace netc
