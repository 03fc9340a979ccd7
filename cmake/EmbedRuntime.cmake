# Emitted folders carry the runtime's sources, and netc runs where no source tree is: it holds them as data.
# Writes build/embedded_runtime.cpp from runtime/**, defining netc::embedded_runtime() (src/backend/embedded.h).
file(GLOB_RECURSE embedded_files RELATIVE ${PROJECT_SOURCE_DIR}/runtime CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/runtime/*)
set(embedded_inputs ${embedded_files})
list(TRANSFORM embedded_inputs PREPEND ${PROJECT_SOURCE_DIR}/runtime/)
set(NETC_EMBEDDED_RUNTIME ${PROJECT_BINARY_DIR}/embedded_runtime.cpp)
add_custom_command(
  OUTPUT ${NETC_EMBEDDED_RUNTIME}
  COMMAND ${CMAKE_COMMAND} "-DROOT=${PROJECT_SOURCE_DIR}/runtime" "-DFILES=${embedded_files}" -DOUTPUT=${NETC_EMBEDDED_RUNTIME}
          -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${embedded_inputs} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  VERBATIM)
