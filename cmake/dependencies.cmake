# Everything comes from Debian 12 packages; scripts/packages lists them.
set(Boost_USE_STATIC_LIBS ON)
# CMake 3.25 knows Boost up to 1.80 only, and not Boost.URL; it would say so at length.
set(Boost_NO_WARN_NEW_VERSIONS ON)
set(_Boost_URL_HEADERS boost/url.hpp)
find_package(Boost 1.81 EXACT REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
# The archive: the library would bring a second libstdc++ (see fmt).
find_library(TCMALLOC libtcmalloc_minimal.a REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
# Its header only: the library is loaded when PostgreSQL is used.
pkg_check_modules(LIBPQ REQUIRED libpq)
add_library(libpq_header INTERFACE)
target_include_directories(libpq_header SYSTEM INTERFACE ${LIBPQ_INCLUDE_DIRS})
pkg_check_modules(QRENCODE REQUIRED IMPORTED_TARGET libqrencode)
find_package(fmt REQUIRED)
# What rooms link for fmt. A release carries libstdc++ inside; libfmt.so, the only library that asks for it too, would
# bring a second one: 0.5 ms at start and 0.9 MiB of memory. Debian has no libfmt.a.
add_library(formatting INTERFACE)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_library(fmt_symbols STATIC cmake/fmt_symbols.cpp)
  target_link_libraries(formatting INTERFACE fmt_symbols)
else()
  target_link_libraries(formatting INTERFACE fmt::fmt)
endif()
if(OKTA_MCP_TESTS)
  find_package(GTest REQUIRED)
endif()
