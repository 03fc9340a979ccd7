// The build file of a CPU program.
#include <fmt/format.h>

#include "backend/emit.h"

namespace netc {

std::string cpu_needs() {
  return "Needs CMake 3.22, a C++20 compiler with OpenMP, oneDNN, zlib, libjpeg and libpng (on Debian: cmake g++ libdnnl-dev zlib1g-dev libjpeg-dev "
         "libpng-dev).";
}

std::string cpu_cmake(const std::string& name, const std::vector<FolderFile>& runtime) {
  std::string sources;
  for (const FolderFile& file : runtime)
    if (file.path.ends_with(".cpp")) sources += "  " + file.path + "\n";
  return fmt::format(R"(cmake_minimum_required(VERSION 3.22)
project({0} LANGUAGES CXX)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

find_package(OpenMP REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)

add_executable({0}
  {0}.cpp
{1})
target_include_directories({0} PRIVATE runtime)
# The same flags as netc's own runtime: the same network and seed give the same bits. -march=native: build where it runs.
target_compile_options({0} PRIVATE -Wall -Wextra -O3 -march=native -ffp-contract=off -fno-math-errno -fno-trapping-math)
target_link_libraries({0} PRIVATE ${{DNNL_LIBRARY}} OpenMP::OpenMP_CXX Threads::Threads ZLIB::ZLIB JPEG::JPEG PNG::PNG)
)",
                     name, sources);
}

}  // namespace netc
