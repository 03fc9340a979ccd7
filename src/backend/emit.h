// The emitted folder: program, runtime sources, build file, README and the plan.
#pragma once

#include <string>
#include <vector>

#include "backend/folder.h"
#include "backend/program.h"

namespace netc {

/// Everything a trainer for `plan.target` needs to build on a machine that has never seen netc.
std::vector<FolderFile> emit_folder(const Graph& graph, const Plan& plan, const Sources& sources, const ProgramOptions& options,
                                    const std::string& plan_json);

/// The build files; one file a target.
std::string cpu_cmake(const std::string& name, const std::vector<FolderFile>& runtime);
std::string cuda_cmake(const std::string& name, const std::vector<FolderFile>& runtime);
/// "Needs g++ 11 or later, ...": one paragraph for the README.
std::string cpu_needs();
std::string cuda_needs();

}  // namespace netc
