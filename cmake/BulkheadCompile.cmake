# SPDX-License-Identifier: Apache-2.0
# What every target of ours is compiled with. Carried by one interface target, never by global flags.
include(CheckCXXCompilerFlag)
include(CheckCXXSourceCompiles)
include(CheckLinkerFlag)

option(BULKHEAD_STATIC "Link what starts for every container as static-PIE (off where the sanitizers need shared libraries)" ON)
option(BULKHEAD_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(BULKHEAD_FUZZ "Build the fuzz targets with libFuzzer (Clang)" OFF)
option(BULKHEAD_COVERAGE "Count what is executed (Clang)" OFF)
option(BULKHEAD_WERROR "Warnings are errors (every preset's choice; a package must build with later compilers too)" OFF)

add_library(bulkhead_compile INTERFACE)
target_compile_features(bulkhead_compile INTERFACE cxx_std_23)
target_compile_options(bulkhead_compile INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-qual -Wformat=2
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wundef
  $<$<BOOL:${BULKHEAD_WERROR}>:-Werror>)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees an overlapping copy in every operator+ of a literal and a string (GCC bug 105651), and a string moved out
  # of std::expected as uninitialised once it has inlined everything. Clang's warnings and clang-tidy look in its place.
  target_compile_options(bulkhead_compile INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Clang 19 does not announce the concepts that libstdc++ 12 asks for before it offers std::expected (it says 201907;
  # it has what 202002 means). Only the feature-test macro differs.
  target_compile_options(bulkhead_compile INTERFACE -Wno-builtin-macro-redefined -D__cpp_concepts=202002L)
  # libstdc++ 12's own stable_sort calls what it calls deprecated.
  target_compile_options(bulkhead_compile INTERFACE -Wno-deprecated-declarations)
endif()

if(BULKHEAD_SANITIZE)
  target_compile_options(bulkhead_compile INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(bulkhead_compile INTERFACE -fsanitize=address,undefined)
  target_compile_definitions(bulkhead_compile INTERFACE BULKHEAD_SANITIZED)
  if(BULKHEAD_FUZZ)
    target_compile_options(bulkhead_compile INTERFACE -fsanitize=fuzzer-no-link -O1)
    target_compile_definitions(bulkhead_compile INTERFACE _GLIBCXX_ASSERTIONS)
  endif()
else()
  # OpenSSF's compiler options; each distribution's own flags come on top.
  target_compile_options(bulkhead_compile INTERFACE
    -fPIE -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
    $<$<NOT:$<CONFIG:Debug>>:-ffunction-sections> $<$<NOT:$<CONFIG:Debug>>:-fdata-sections>
    "-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.")
  # For size, whatever CMAKE_CXX_FLAGS says: two thirds of -O2's, and no slower, as most of what these programs execute they
  # execute once. (What scans a whole config.json is compiled for speed: runtime/oci.) Tests are for quick compilation.
  set(is_test $<BOOL:$<TARGET_PROPERTY:BULKHEAD_IS_TEST>>)
  target_compile_options(bulkhead_compile INTERFACE $<$<NOT:$<CONFIG:Debug>>:$<IF:${is_test},-O0,-Os>>)
  # Options, as definitions come before CMAKE_CXX_FLAGS, where a distribution's own -D_FORTIFY_SOURCE=2 is: a macro that
  # is defined twice is a warning.
  target_compile_options(bulkhead_compile INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<OR:$<CONFIG:Debug>,${is_test}>>:-D_FORTIFY_SOURCE=3>)
  target_compile_definitions(bulkhead_compile INTERFACE _GLIBCXX_ASSERTIONS)
  check_cxx_compiler_flag(-fcf-protection=full BULKHEAD_HAS_CET)
  if(BULKHEAD_HAS_CET)
    target_compile_options(bulkhead_compile INTERFACE -fcf-protection=full)
  endif()
  target_link_options(bulkhead_compile INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack $<$<NOT:$<CONFIG:Debug>>:-Wl,--gc-sections>)
endif()

if(BULKHEAD_COVERAGE)
  # Counters are the mapped file itself (%c): most of what is counted dies by a signal, executes something else, or ends in
  # a container's mount namespace, where no file of ours could be written. One file per program (%m).
  target_compile_options(bulkhead_compile INTERFACE -fcoverage-mapping "-mllvm=-runtime-counter-relocation"
    "-fprofile-instr-generate=${CMAKE_BINARY_DIR}/profiles/%m%c.profraw")
  target_link_options(bulkhead_compile INTERFACE -fprofile-instr-generate)
endif()

# What starts for every container needs no file but its own. Its relocations are told by bitmaps, a thirtieth of a table's
# size, where the linker can and the libc in it applies such to itself (glibc from 2.36 on).
check_linker_flag(CXX -Wl,-z,pack-relative-relocs BULKHEAD_LINKER_HAS_RELR)
check_cxx_source_compiles("#include <features.h>
#if !__GLIBC_PREREQ(2, 36)
#error
#endif
int main() {}" BULKHEAD_LIBC_HAS_RELR)
function(bulkhead_static program)
  if(BULKHEAD_STATIC)
    target_link_options(${program} PRIVATE -static-pie)
    if(BULKHEAD_LINKER_HAS_RELR AND BULKHEAD_LIBC_HAS_RELR)
      target_link_options(${program} PRIVATE -Wl,-z,pack-relative-relocs)
    endif()
  endif()
endfunction()
