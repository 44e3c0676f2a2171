# Compiler switches that hold for every room.
option(OKTA_MCP_WERROR "Treat warnings as errors (developers and CI, not whoever builds a release)" OFF)
option(OKTA_MCP_TESTS "Build the tests" ON)
set(OKTA_MCP_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these ccache takes no compilation that uses a precompiled header (its manual, "Precompiled headers").
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  else()
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow
  # A designated initialiser names what differs from the safe defaults.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positive of g++ 12 in libstdc++'s own string code (GCC PR 105651).
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # std::stable_sort of libstdc++ 12 uses what the same header declares deprecated.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated-declarations>)
endif()
if(OKTA_MCP_WERROR)
  add_compile_options(-Werror)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_CXX_FLAGS_RELEASE "-O2")
  # assert() is kept: it guards programmer errors only, and costs nothing that shows.
  add_compile_options(-fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections)
  # Where it was built is not in what was built: equal sources give equal programs (packaging/reproducible).
  add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${CMAKE_BINARY_DIR}/=build/)
  add_link_options(-Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -static-libstdc++ -static-libgcc)
endif()

if(OKTA_MCP_SANITIZE)
  # Line numbers are what a report needs of debug information; the rest is a fifth of the build.
  add_compile_options(-fsanitize=${OKTA_MCP_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -gline-tables-only)
  add_link_options(-fsanitize=${OKTA_MCP_SANITIZE})
endif()
