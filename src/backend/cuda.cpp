// The build file of a CUDA program.
#include <fmt/format.h>

#include "backend/emit.h"

namespace netc {

std::string cuda_needs() {
  return "Needs CMake 3.22, CUDA 12.4 or later with cuBLASLt, cuDNN 9, a C++20 compiler, zlib, libjpeg and libpng.";
}

std::string cuda_cmake(const std::string& name, const std::vector<FolderFile>& runtime) {
  std::string sources;
  for (const FolderFile& file : runtime)
    if (file.path.ends_with(".cpp") || file.path.ends_with(".cu")) sources += "  " + file.path + "\n";
  return fmt::format(R"(cmake_minimum_required(VERSION 3.22)

# The GPUs to compile for: those of this machine if it has any, else a list that covers Turing to Blackwell.
# Another list: cmake -B build -DGPU_ARCHITECTURES=90
if(NOT DEFINED GPU_ARCHITECTURES)
  execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader OUTPUT_VARIABLE found ERROR_QUIET RESULT_VARIABLE status)
  string(REGEX MATCHALL "[0-9]+[.][0-9]+" found "${{found}}")
  string(REPLACE "." "" found "${{found}}")
  list(REMOVE_DUPLICATES found)
  if(status EQUAL 0 AND found)
    set(GPU_ARCHITECTURES ${{found}} CACHE STRING "compute capabilities to compile for")
  else()
    set(GPU_ARCHITECTURES 75 80 86 89 90 120 CACHE STRING "compute capabilities to compile for")
  endif()
endif()
set(CMAKE_CUDA_ARCHITECTURES ${{GPU_ARCHITECTURES}})

project({0} LANGUAGES CXX CUDA)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)

list(APPEND CMAKE_MODULE_PATH ${{CMAKE_CURRENT_SOURCE_DIR}}/runtime/cuda/cmake)
find_package(CUDAToolkit REQUIRED)
find_package(CUDNN REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)

add_executable({0}
  {0}.cpp
{1})
target_include_directories({0} PRIVATE runtime)
target_link_libraries({0} PRIVATE CUDA::cudart CUDA::cublasLt CUDNN::cudnn Threads::Threads ZLIB::ZLIB JPEG::JPEG PNG::PNG)
)",
                     name, sources);
}

}  // namespace netc
