# SPDX-License-Identifier: Apache-2.0
# bulkhead_precompile(TARGET): it reads what nearly every source file of ours includes once, which is a third of the work of
# compiling one. The files include what they use all the same: packages are built without.
set(bulkhead_common_headers
  <algorithm> <array> <cerrno> <cstdint> <expected> <functional> <memory> <optional> <span> <string> <string_view> <vector>)
function(bulkhead_precompile target)
  if(NOT BULKHEAD_PRECOMPILE)
    return()
  elseif(target STREQUAL "bulkhead_base")
    target_precompile_headers(bulkhead_base PRIVATE ${bulkhead_common_headers})
  else()
    target_precompile_headers(${target} REUSE_FROM bulkhead_base)
  endif()
endfunction()

# bulkhead_library(NAME [OWN_PRECOMPILE] [USES LIBRARY...] SOURCES FILE...): one folder of runtime/ as one static library.
# USES is the whole list of folders it may include from: a folder sees only its own headers and those, and what uses it
# must name them as well to see them. OWN_PRECOMPILE: it has large headers of its own to be read once.
function(bulkhead_library name)
  cmake_parse_arguments(arg "OWN_PRECOMPILE" "" "USES;SOURCES" ${ARGN})
  add_library(bulkhead_${name} STATIC ${arg_SOURCES})
  # Headers are reached as runtime/<folder>/<file>.h through a folder of this library's own that holds nothing but one
  # link, so that a target which does not link the library cannot include from it.
  set(headers "${CMAKE_BINARY_DIR}/include/${name}")
  file(MAKE_DIRECTORY "${headers}/runtime")
  file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${headers}/runtime/${name}" SYMBOLIC)
  target_include_directories(bulkhead_${name} PUBLIC "${headers}")
  target_link_libraries(bulkhead_${name} PRIVATE bulkhead_compile)
  # PRIVATE, so that whoever links this library is linked with those as well but does not see their headers.
  list(TRANSFORM arg_USES PREPEND bulkhead_)
  target_link_libraries(bulkhead_${name} PRIVATE ${arg_USES})
  if(NOT arg_OWN_PRECOMPILE)
    bulkhead_precompile(bulkhead_${name})
  endif()
endfunction()
